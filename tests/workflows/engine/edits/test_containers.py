"""Edits of containers: wrapping, unwrapping, and the ways of a branch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.engine.edits.drawing import after, branch, drawn, each, loaded, place, say
from workflows.engine.edits import BadEdit


@pytest.mark.parametrize(
    ("kind", "drawing"),
    [
        ("flow.for_each", "a for_each[b c] d"),
        ("flow.loop", "a repeat[b c] d"),
        ("flow.attempt", "a try_and_rescue[steps(b c) rescue()] d"),
        ("flow.branch", "a branch[otherwise() cases.0(b c)] d"),
        ("flow.parallel", "a do_at_the_same_time[arms.0(b c) arms.1()] d"),
    ],
)
def test_neighbours_are_wrapped_and_unwrapped_again(kind: str, drawing: str) -> None:
    definition = loaded(say("a"), say("b"), say("c"), say("d"))

    wrapped = after(definition, {"do": "wrap", "steps": ["b", "c"], "kind": kind})
    unwrapped = after(wrapped, {"do": "unwrap", "step": wrapped.steps[1].id})

    assert (drawn(wrapped), unwrapped) == (drawing, definition)


def test_a_container_with_steps_in_other_ways_is_not_unwrapped() -> None:
    definition = loaded(branch("b", [say("a")], otherwise=[say("c")]))

    with pytest.raises(BadEdit, match="holds steps in other ways too"):
        after(definition, {"do": "unwrap", "step": "b"})


def test_a_step_that_holds_nothing_cannot_be_unwrapped() -> None:
    with pytest.raises(BadEdit, match="holds no steps"):
        after(loaded(say("a")), {"do": "unwrap", "step": "a"})


WAYS = branch("b", [say("one")], [say("two")])


@pytest.mark.parametrize(
    ("edit", "drawing"),
    [
        ({"do": "add_way", "step": "b"}, "b[cases.0(one) cases.1(two) cases.2()]"),
        ({"do": "add_way", "step": "b", "at": 0}, "b[cases.0() cases.1(one) cases.2(two)]"),
        ({"do": "add_way", "step": "b", "way": "otherwise"}, "b[otherwise() cases.0(one) cases.1(two)]"),
        ({"do": "move_way", "step": "b", "way": "cases.1", "to": 0}, "b[cases.0(two) cases.1(one)]"),
        ({"do": "remove_way", "step": "b", "way": "cases.0"}, "b[cases.0(two)]"),
    ],
)
def test_ways_come_move_and_go(edit: dict[str, Any], drawing: str) -> None:
    assert drawn(after(loaded(WAYS), edit)) == drawing


def test_a_way_gets_title_and_condition_one_without_the_other() -> None:
    when = {"value": "{{ inputs.x }}", "is": "equal", "to": "y"}

    made = after(
        loaded(WAYS),
        {"do": "change_way", "step": "b", "way": "cases.1", "title": "Angry"},
        {"do": "change_way", "step": "b", "way": "cases.1", "when": when},
    )

    assert made.steps[0].cases is not None
    assert [(case.title, case.when) for case in made.steps[0].cases][1] == ("Angry", when)
    assert made.steps[0].cases[0].title == "Way 0"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"do": "add_way", "step": "a"}, "takes no further ways"),
        ({"do": "add_way", "step": "b", "way": "arms"}, "takes no further ways"),
        ({"do": "add_way", "step": "c", "way": "otherwise"}, "has that way already"),
        ({"do": "remove_way", "step": "b", "way": "otherwise"}, "has no such way"),
        ({"do": "remove_way", "step": "c", "way": "cases.0"}, "This is the last way"),
        ({"do": "change_way", "step": "b", "way": "cases.9", "title": "x"}, "has no way “cases.9”"),
        ({"do": "change_way", "step": "b", "way": "otherwise", "title": "x"}, "has no way “otherwise”"),
    ],
)
def test_ways_that_cannot_be_are_said(edit: dict[str, Any], message: str) -> None:
    definition = loaded(say("a"), WAYS, branch("c", [], otherwise=[]))

    with pytest.raises(BadEdit, match=message):
        after(definition, edit)


def test_nesting_stays_within_what_can_be_loaded() -> None:
    definition = loaded(say("a"))
    for _ in range(7):
        definition = after(definition, {"do": "wrap", "steps": [definition.steps[0].id], "kind": "flow.loop"})

    with pytest.raises(BadEdit, match="nested 9 levels deep"):
        after(definition, {"do": "wrap", "steps": [definition.steps[0].id], "kind": "flow.loop"})


def test_a_step_goes_from_one_way_into_another() -> None:
    made = after(loaded(WAYS), {"do": "move", "steps": ["one"], "place": place(1, "b", "cases.1")})

    assert drawn(made) == "b[cases.0() cases.1(two one)]"


def test_wrapping_inside_a_loop_keeps_the_loop() -> None:
    made = after(loaded(each("each", say("a"))), {"do": "wrap", "steps": ["a"], "kind": "flow.attempt", "id": "try_it"})

    assert drawn(made) == "each[try_it[steps(a) rescue()]]"
