"""Edits of what the workflow asks for, gives and is called."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from workflows.engine.definition import Input
from workflows.engine.edits import forms
from workflows.engine.edits.draft import Draft, is_readable
from workflows.engine.edits.forms import BadEdit
from workflows.engine.edits.references import follow
from workflows.engine.edits.steps import copied

Value = TypeVar("Value")


def set_input(draft: Draft, edit: forms.SetInput) -> None:
    try:
        asked = Input.model_validate(copied(edit.value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadEdit(f"The input “{edit.name}” cannot be so: {place}: {first['msg']}.") from None
    if edit.name not in draft.definition.inputs:
        _require_readable(edit.name)
    draft.definition.inputs[edit.name] = asked


def rename_input(draft: Draft, edit: forms.RenameInput) -> None:
    if edit.name == edit.to:
        return
    draft.definition.inputs = _renamed(draft.definition.inputs, edit.name, edit.to, "input")
    follow(draft.definition, {("inputs", edit.name): edit.to})


def move_input(draft: Draft, edit: forms.MoveInput) -> None:
    draft.definition.inputs = _moved(draft.definition.inputs, edit.name, edit.at, "input")


def remove_input(draft: Draft, edit: forms.RemoveInput) -> None:
    _require(draft.definition.inputs, edit.name, "input")
    del draft.definition.inputs[edit.name]


def set_result(draft: Draft, edit: forms.SetResult) -> None:
    draft.definition.output[edit.name] = copied(edit.value)


def rename_result(draft: Draft, edit: forms.RenameResult) -> None:
    if edit.name != edit.to:
        draft.definition.output = _renamed(draft.definition.output, edit.name, edit.to, "result")


def move_result(draft: Draft, edit: forms.MoveResult) -> None:
    draft.definition.output = _moved(draft.definition.output, edit.name, edit.at, "result")


def remove_result(draft: Draft, edit: forms.RemoveResult) -> None:
    _require(draft.definition.output, edit.name, "result")
    del draft.definition.output[edit.name]


def describe(draft: Draft, edit: forms.Describe) -> None:
    if edit.name is not None:
        draft.definition.name = edit.name
    if edit.description is not None:
        draft.definition.description = edit.description


def _renamed(values: dict[str, Value], name: str, to: str, noun: str) -> dict[str, Value]:
    _require(values, name, noun)
    if to in values:
        raise BadEdit(f"Another {noun} is called “{to}” already. Choose another name.")
    _require_readable(to)
    return {to if known == name else known: value for known, value in values.items()}


def _moved(values: dict[str, Value], name: str, at: int, noun: str) -> dict[str, Value]:
    _require(values, name, noun)
    names = [known for known in values if known != name]
    names.insert(at, name)
    return {known: values[known] for known in names}


def _require(values: dict[str, Any], name: str, noun: str) -> None:
    if name not in values:
        raise BadEdit(f"There is no {noun} “{name}” any more.")


def _require_readable(name: str) -> None:
    if not is_readable(name):
        raise BadEdit(f"“{name}” is a word of the template language and cannot be a name. Choose another.")
