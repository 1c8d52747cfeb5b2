"""Edits of what the workflow asks for, gives and is called."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.engine.edits.drawing import after, loaded, say
from workflows.engine.definition import dump
from workflows.engine.edits import BadEdit

DEFINITION = loaded(say("a"), inputs={"one": {}, "two": {"type": "number"}}, output={"x": 1, "y": 2})


def test_an_input_is_added_at_the_end_changed_in_place_moved_and_removed() -> None:
    made = after(
        DEFINITION,
        {"do": "set_input", "name": "three", "value": {"type": "choice", "choices": ["a"], "class": "personal"}},
        {"do": "set_input", "name": "one", "value": {"type": "date", "title": "Day"}},
        {"do": "move_input", "name": "three", "at": 0},
        {"do": "remove_input", "name": "two"},
    )

    assert dump(made)["inputs"] == {
        "three": {"type": "choice", "choices": ["a"], "class": "personal"},
        "one": {"type": "date", "title": "Day"},
    }
    assert list(made.inputs) == ["three", "one"]


def test_a_result_is_added_renamed_moved_and_removed() -> None:
    made = after(
        DEFINITION,
        {"do": "set_result", "name": "z", "value": {"deep": ["{{ steps.a.text }}"]}},
        {"do": "rename_result", "name": "x", "to": "first"},
        {"do": "move_result", "name": "z", "at": 0},
        {"do": "remove_result", "name": "y"},
    )

    assert list(made.output.items()) == [("z", {"deep": ["{{ steps.a.text }}"]}), ("first", 1)]


def test_name_and_description_change_one_without_the_other() -> None:
    made = after(DEFINITION, {"do": "describe", "description": "What for"}, {"do": "describe", "name": "Sorting"})

    assert (made.name, made.description) == ("Sorting", "What for")


def test_the_whole_definition_is_replaced() -> None:
    assert after(DEFINITION, {"do": "replace", "definition": {"name": "New"}}) == loaded(name="New")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"do": "set_input", "name": "One", "value": {}}, "not a change that can be made: name"),
        ({"do": "set_input", "name": "in", "value": {}}, "word of the template language"),
        ({"do": "set_input", "name": "x", "value": {"type": "colour"}}, "The input “x” cannot be so: type"),
        ({"do": "rename_input", "name": "one", "to": "two"}, "Another input is called “two” already"),
        ({"do": "rename_input", "name": "nine", "to": "ten"}, "There is no input “nine” any more"),
        ({"do": "rename_result", "name": "x", "to": "y"}, "Another result is called “y” already"),
        ({"do": "remove_result", "name": "q"}, "There is no result “q” any more"),
        ({"do": "set_result", "name": "q", "value": float("nan")}, "cannot be stored"),
        ({"do": "describe", "name": "  "}, "a name needs a visible character"),
        ({"do": "replace", "definition": {"name": "x", "steps": 7}}, "steps: "),
    ],
)
def test_what_cannot_be_is_said(edit: dict[str, Any], message: str) -> None:
    with pytest.raises(BadEdit, match=message):
        after(DEFINITION, edit)
