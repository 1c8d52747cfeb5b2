"""An edit, applied: definition in, new definition out, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine import definition as definitions
from workflows.engine.definition import BadDefinition, Definition
from workflows.engine.edits import containers, forms, steps, values
from workflows.engine.edits.draft import Draft
from workflows.engine.edits.forms import BadEdit, Edit, read


def apply(definition: Definition, edit: Mapping[str, Any] | Edit, kinds: Mapping[str, type[Action]]) -> Definition:
    """The definition after the edit; the one before stays as it is. What comes out can be dumped and loaded.

    Raises BadEdit. `kinds` are the step kinds there are: a new container gets the sequences of its kind.
    """
    form = read(edit)
    if isinstance(form, forms.Replace):
        return _checked(form.definition)
    draft = Draft(definition.model_copy(deep=True), kinds)
    DEEDS[type(form)](draft, form)
    return _checked(definitions.dump(draft.definition))


def settled(definition: Definition, edit: Mapping[str, Any] | Edit, kinds: Mapping[str, type[Action]]) -> Edit:
    """The edit with the id that it will invent, so that making it again gives the same. Raises BadEdit."""
    form = read(edit)
    if isinstance(form, forms.Add | forms.Wrap) and form.id is None:
        return form.model_copy(update={"id": Draft(definition, kinds).made(form.kind).id})
    return form


def _checked(raw: Mapping[str, Any]) -> Definition:
    try:
        return definitions.load(raw)
    except BadDefinition as error:
        place, why = next(iter(error.problems.items()))
        raise BadEdit(f"The workflow cannot be so: {place + ': ' if place else ''}{why}.") from None


DEEDS: Mapping[type[forms.Form], Callable[[Draft, Any], None]] = {
    forms.Add: steps.add,
    forms.Paste: steps.paste,
    forms.Duplicate: steps.duplicate,
    forms.Move: steps.move,
    forms.Remove: steps.remove,
    forms.Swap: steps.swap,
    forms.Change: steps.change,
    forms.ChangeEach: steps.change_each,
    forms.Rename: steps.rename,
    forms.Wrap: containers.wrap,
    forms.Unwrap: containers.unwrap,
    forms.AddWay: containers.add_way,
    forms.ChangeWay: containers.change_way,
    forms.MoveWay: containers.move_way,
    forms.RemoveWay: containers.remove_way,
    forms.SetInput: values.set_input,
    forms.RenameInput: values.rename_input,
    forms.MoveInput: values.move_input,
    forms.RemoveInput: values.remove_input,
    forms.SetResult: values.set_result,
    forms.RenameResult: values.rename_result,
    forms.MoveResult: values.move_result,
    forms.RemoveResult: values.remove_result,
    forms.Describe: values.describe,
}
