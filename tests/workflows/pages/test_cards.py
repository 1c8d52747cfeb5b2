"""A definition as cards: every step a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.pages.scenes import EXAMPLES, example
from workflows.engine import definition
from workflows.pages.cards import Card, Names, cards_of, condition_read

BRANCHING: dict[str, Any] = {
    "format": 1,
    "name": "Triage",
    "inputs": {"article": {"title": "The article"}},
    "steps": [
        {"id": "tone", "kind": "data.set", "title": "How does it speak?", "with": {"values": {"label": "negative"}}},
        {
            "id": "route",
            "kind": "flow.branch",
            "cases": [
                {
                    "when": {"all": [{"value": "{{ steps.tone.label }}", "is": "equal", "to": "negative"}]},
                    "steps": [
                        {
                            "id": "hold",
                            "kind": "flow.wait",
                            "with": {"for_s": 60},
                            "when": {"value": "{{ inputs.article }}", "is": "is_not_empty"},
                        }
                    ],
                }
            ],
            "otherwise": [],
        },
        {"id": "odd", "kind": "no.such_kind"},
        {
            "id": "join",
            "kind": "text.compose",
            "with": {"text": "# {{ inputs.article | upcase }}\n\n- **{{ steps.tone.label }}**"},
        },
    ],
}


def read(card: Card) -> str:
    return "".join(f"[{piece.text}]" if piece.is_data else piece.text for piece in card.sentence)


def test_each_card_is_a_sentence_with_the_data_by_name():
    cards = cards_of(definition.load(BRANCHING))

    assert [(card.title, read(card), card.tone) for card in cards] == [
        ("How does it speak?", "Set [label]", "data"),
        ("Branch", "Go one of several ways", "flow"),
        ("Odd", "", "out"),
        ("Compose a text", "Compose [[The article] [How does it speak? ▸ label]]", "data"),
    ]


def test_the_ways_of_a_branch_say_when_they_are_taken():
    branch = cards_of(definition.load(BRANCHING))[1]

    assert [(arm.name, arm.caption, len(arm.cards)) for arm in branch.arms] == [
        ("cases.0", "How does it speak? ▸ label is negative", 1),
        ("otherwise", "otherwise", 0),
    ]
    assert branch.arms[0].cards[0].condition == "The article is not empty"
    assert branch.is_side_by_side


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"value": "{{ inputs.article }}", "is": "contains", "to": "bank"}, "The article contains bank"),
        ({"value": "{{ item.age }}", "is": "at_least", "to": 18}, "item ▸ age is at least 18"),
        ({"value": "{{ steps.tone.label }}", "is": "is_true"}, "How does it speak? ▸ label is true"),
        (
            {"any": [{"value": "a", "is": "equal", "to": "b"}, {"value": "c", "is": "before", "to": "2026-01-01"}]},
            "a is b or c is before 2026-01-01",
        ),
        ({"all": []}, "always"),
        ({"value": "{{ broken", "is": "who_knows"}, "{{ broken who_knows"),
    ],
)
def test_a_condition_is_read_out(condition: dict[str, Any], words: str):
    assert condition_read(condition, Names(definition.load(BRANCHING))) == words


WRITTEN = [f"{path.parent.name}/{path.stem}" for path in sorted(EXAMPLES.glob("*/w*.yaml"))]


@pytest.mark.parametrize("name", WRITTEN)
def test_every_example_can_be_read(name: str):
    cards = cards_of(definition.load(example(name)))

    assert cards
    assert all(card.title and card.icon for card in cards)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Ask approvers to approve: [May it go?]"),
        ({"role": "operator", "group": ""}, "Ask operators to approve: [May it go?]"),
        ({"group": "counsel", "then": [{}]}, "Ask [counsel], then approvers to approve: [May it go?]"),
        (
            {"person": "ada@x.example", "people": [{"person": "bo@x.example"}], "then": [{"role": "manager"}]},
            "Ask [ada@x.example] and [bo@x.example], then managers to approve: [May it go?]",
        ),
        ({"person": "{{ inputs.who }}"}, "Ask [Who] to approve: [May it go?]"),
    ],
)
def test_a_question_says_whom_it_asks(given: dict[str, Any], sentence: str):
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go?", **given}}
    raw = {"name": "Any", "inputs": {"who": {"title": "Who"}}, "steps": [step]}

    assert read(cards_of(definition.load(raw))[0]) == sentence


def test_forms_and_choices_read_as_sentences():
    fields = [{"name": "budget", "type": "number"}, {"name": "due_date", "type": "date"}]
    form = {"question": "What may it cost?", "role": "manager", "fields": fields}
    steps = [
        {"id": "form", "kind": "people.form", "with": form},
        {"id": "pick", "kind": "people.choose", "with": {"question": "Which?", "drafts": ["a", "b"]}},
    ]

    sentences = [read(card) for card in cards_of(definition.load({"name": "Any", "steps": steps}))]

    assert sentences == [
        "Ask managers for [budget] [due date]: [What may it cost?]",
        "Ask approvers to choose: [Which?]",
    ]
