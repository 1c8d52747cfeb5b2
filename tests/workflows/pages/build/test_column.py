"""The draft as a column of cards."""

from __future__ import annotations

from typing import Any

from tests.workflows.pages.scenes import example
from workflows.engine.definition import load
from workflows.pages.build.column import Column, column_of
from workflows.pages.cards import Piece


def column(steps: list[dict[str, Any]], **more: Any) -> Column:
    return column_of(load({"format": 1, "name": "Mentions", "steps": steps, **more}))


BRANCH = {
    "id": "route",
    "kind": "flow.branch",
    "cases": [
        {
            "title": "negative",
            "when": {"value": "a", "is": "equal", "to": "a"},
            "steps": [{"id": "draft", "kind": "ai.write"}],
        },
        {"when": {"value": "b", "is": "equal", "to": "c"}},
    ],
    "otherwise": [],
}


def test_the_ways_of_a_branch_stand_side_by_side_and_keep_their_places():
    route = column([BRANCH]).steps[0]

    assert route.is_beside
    assert route.adds == "case"
    assert [(way.name, way.caption, way.key) for way in route.ways] == [
        ("cases.0", "negative", "route-cases-0"),
        ("cases.1", "b is c", "route-cases-1"),
        ("otherwise", "otherwise", "route-otherwise"),
    ]


def test_a_container_counts_what_it_holds_at_every_depth():
    inner = {"id": "again", "kind": "flow.loop", "with": {"times": 2}, "steps": [{"id": "try", "kind": "ai.write"}]}
    outer = {"id": "each", "kind": "flow.for_each", "with": {"items": "{{ inputs.list }}"}, "steps": [inner]}

    each = column([outer]).steps[0]

    assert each.size == 2
    assert not each.is_beside
    assert [step.id for way in each.ways for step in way.steps] == ["again"]


def test_a_step_that_is_off_or_saved_says_so():
    steps = column([{"id": "a", "kind": "ai.write", "off": True, "saved": "polite-tone@3"}]).steps

    assert (steps[0].is_off, steps[0].saved) == (True, "polite-tone@3")


def test_the_ends_name_what_is_asked_and_what_is_given():
    shown = column([], inputs={"article": {"title": "Article"}, "due_on": {}}, output={"tone": "x", "sent_at": "y"})

    assert shown.asks == (Piece("Article", is_data=True), Piece("Due on", is_data=True))
    assert shown.gives == (Piece("Tone", is_data=True), Piece("Sent at", is_data=True))


def test_many_inputs_are_counted_rather_than_listed():
    shown = column([], inputs={f"input_{number}": {} for number in range(9)})

    assert len(shown.asks) == 7
    assert shown.asks[-1] == Piece("+3")


def test_every_shipped_example_becomes_a_column():
    shown = column_of(load(example("press_digest/with_review")))

    assert [step.card.title for step in shown.steps] != []
