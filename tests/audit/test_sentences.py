"""Each line of the ledger reads as a sentence."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from audit import history
from audit.models import Entry
from audit.sentences import SENTENCES, facts, sentence, verb_title
from config.env import ROOT


def entry(verb: str, thing: str = "Press triage", **detail: object) -> Entry:
    return Entry(verb=verb, actor_label="Clara Vogel", object_label=thing, detail=detail)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (entry("workflow.published", version=3), "Clara Vogel published version 3 of Press triage"),
        (entry("member.added", "Lea", role="viewer"), "Clara Vogel gave Lea the role viewer"),
        (entry("person.sign_in_failed", "Lea"), "Somebody failed to sign in as Lea"),
        (entry("person.sign_in_failed", ""), "Somebody failed to sign in as an unknown address"),
        (entry("user.changed_in_admin", "Lea"), "Clara Vogel changed Lea in the administration"),
        (entry("ai_model.added_in_admin", ""), "Clara Vogel added something in the administration"),
    ],
)
def test_a_known_verb_has_its_sentence(written: Entry, expected: str) -> None:
    assert sentence(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (entry("robot.put_to_sleep"), "Clara Vogel: robot put to sleep, Press triage"),
        (entry("robot.put_to_sleep", ""), "Clara Vogel: robot put to sleep"),
        (entry("nonsense"), "Clara Vogel: nonsense, Press triage"),
        (entry("workflow.published"), "Clara Vogel: workflow published, Press triage"),
    ],
)
def test_an_unknown_verb_or_one_with_a_word_missing_is_read_out(written: Entry, expected: str) -> None:
    assert sentence(written) == expected


def test_what_people_wrote_is_never_taken_for_a_template() -> None:
    odd = entry("workflow.created", "{actor.__class__} {0} {number!r}")

    assert sentence(odd) == "Clara Vogel created the workflow {actor.__class__} {0} {number!r}"


@pytest.mark.parametrize("verb", SENTENCES)
def test_every_sentence_can_be_said(verb: str) -> None:
    said = sentence(entry(verb, role="viewer", version=1, decision="approve"))

    assert "{" not in said
    assert said[0].isupper()


@pytest.mark.parametrize("language", ["en", "de", "sv"])
def test_sentences_are_said_in_the_readers_language(language: str) -> None:
    with translation.override(language):
        assert "Press triage" in sentence(entry("workflow.created"))


def test_what_the_sentence_leaves_unsaid_stands_beside_it() -> None:
    decided = entry("task.decided", decision="approve", reason="", edited=True, fields=["a", "b"], text=False, seats=0)

    assert facts(decided) == {"edited": "yes", "fields": "a, b"}
    assert facts(entry("robot.put_to_sleep", for_days=3)) == {"for days": "3"}


def test_a_verb_has_a_title_for_the_filter() -> None:
    assert verb_title("sign_in_link.created") == "Sign in link: created"


def test_every_deed_that_is_recorded_has_a_sentence() -> None:
    floors = ("audit", "departments", "connectors", "workflows")
    sources = [file.read_text() for floor in floors for file in (ROOT / floor).rglob("*.py")]

    recorded = {verb for source in sources for verb in re.findall(r'(?:record|deed)\(\s*"([a-z_.]+)"', source)}

    assert "workflow.published" in recorded
    assert {*recorded, history.VERB} <= set(SENTENCES)
