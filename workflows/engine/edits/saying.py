"""An edit as a sentence of the history: Moved “Draft” after “Sort”."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine.definition import Definition
from workflows.engine.edits import forms
from workflows.engine.edits.draft import Draft
from workflows.engine.edits.forms import BadEdit, Edit, read

LONGEST = 300
FIELDS = {
    "with": "the settings",
    "when": "the condition",
    "retry": "how often it is tried",
    "timeout_s": "the time limit",
    "on_error": "what happens after a failure",
    "helper": "who carries on by hand",
    "output": "the result of one item",
    "saved": "the link to the library",
}


def said(definition: Definition, edit: Mapping[str, Any] | Edit, kinds: Mapping[str, type[Action]]) -> str:
    """What the edit does to this definition, the one before it. Raises BadEdit for what is no edit."""
    form = read(edit)
    sentence = SENTENCES[type(form)](Draft(definition, kinds), form)
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1]}…"


def _add(draft: Draft, edit: forms.Add) -> str:
    kind = draft.kinds.get(edit.kind)
    title = edit.title or (kind.title if kind else edit.kind)
    return f"Added “{title}” {_where(draft, edit.place)}"


def _paste(draft: Draft, edit: forms.Paste) -> str:
    return f"Pasted {_raw(draft, edit.nodes)} {_where(draft, edit.place)}"


def _duplicate(draft: Draft, edit: forms.Duplicate) -> str:
    return f"Duplicated {_step(draft, edit.step)}"


def _move(draft: Draft, edit: forms.Move) -> str:
    return f"Moved {_steps(draft, edit.steps)} {_where(draft, edit.place, without=edit.steps)}"


def _remove(draft: Draft, edit: forms.Remove) -> str:
    return f"Deleted {_steps(draft, edit.steps)}"


def _swap(draft: Draft, edit: forms.Swap) -> str:
    """Most swaps are deeds of the library: the mark of the first step tells which."""
    was, now = _mark(draft, edit.steps[0]), str(edit.nodes[0].get("saved") or "")
    if now and not was:
        return f"Saved {_steps(draft, edit.steps)} to the library"
    if was and not now:
        return f"Detached {_steps(draft, edit.steps)} from the library"
    if was != now and was.partition("@")[0] == now.partition("@")[0]:
        version = now.partition("@")[2].partition("#")[0]
        return f"Brought {_steps(draft, edit.steps)} to version {version} of the library"
    return f"Replaced {_steps(draft, edit.steps)} with {_raw(draft, edit.nodes)}"


def _change(draft: Draft, edit: forms.Change) -> str:
    step, (field, _, path) = _step(draft, edit.step), edit.field.partition(".")
    if field == "off":
        return f"Switched {step} {'off' if edit.value else 'on'}"
    if field == "title":
        return f"Gave {step} the title “{edit.value}”" if edit.value else f"Took the title off {step}"
    if field == "when" and edit.value is None:
        return f"Removed the condition of {step}"
    return f"Changed {_param(draft, edit.step, path) if path else FIELDS[field]} of {step}"


def _change_each(draft: Draft, edit: forms.ChangeEach) -> str:
    if edit.field == "off":
        return f"Switched {_steps(draft, edit.steps)} {'off' if edit.value else 'on'}"
    return f"Changed {FIELDS[edit.field]} of {_steps(draft, edit.steps)}"


def _rename(draft: Draft, edit: forms.Rename) -> str:
    return f"Changed the id of {_step(draft, edit.step)} from {edit.step} to {edit.id}"


def _wrap(draft: Draft, edit: forms.Wrap) -> str:
    kind = draft.kinds.get(edit.kind)
    return f"Put {_steps(draft, edit.steps)} into “{kind.title if kind else edit.kind}”"


def _unwrap(draft: Draft, edit: forms.Unwrap) -> str:
    return f"Took the steps out of {_step(draft, edit.step)}"


def _add_way(draft: Draft, edit: forms.AddWay) -> str:
    return f"Added a way{_titled(edit.title)} to {_step(draft, edit.step)}"


def _change_way(draft: Draft, edit: forms.ChangeWay) -> str:
    if edit.tool is not None:
        return f"Changed a tool of {_step(draft, edit.step)}"
    what = "the condition of a way" if edit.when is not None else "the title of a way"
    return f"Changed {what} of {_step(draft, edit.step)}"


def _move_way(draft: Draft, edit: forms.MoveWay) -> str:
    return f"Changed the order of the ways of {_step(draft, edit.step)}"


def _remove_way(draft: Draft, edit: forms.RemoveWay) -> str:
    return f"Deleted a way of {_step(draft, edit.step)}"


def _set_input(draft: Draft, edit: forms.SetInput) -> str:
    return f"{'Changed' if edit.name in draft.definition.inputs else 'Added'} the input “{edit.name}”"


def _set_result(draft: Draft, edit: forms.SetResult) -> str:
    return f"{'Changed' if edit.name in draft.definition.output else 'Added'} the result “{edit.name}”"


def _rename_input(draft: Draft, edit: forms.RenameInput) -> str:
    return f"Renamed the input “{edit.name}” to “{edit.to}”"


def _rename_result(draft: Draft, edit: forms.RenameResult) -> str:
    return f"Renamed the result “{edit.name}” to “{edit.to}”"


def _move_input(draft: Draft, edit: forms.MoveInput) -> str:
    return f"Moved the input “{edit.name}”"


def _move_result(draft: Draft, edit: forms.MoveResult) -> str:
    return f"Moved the result “{edit.name}”"


def _remove_input(draft: Draft, edit: forms.RemoveInput) -> str:
    return f"Deleted the input “{edit.name}”"


def _remove_result(draft: Draft, edit: forms.RemoveResult) -> str:
    return f"Deleted the result “{edit.name}”"


def _describe(draft: Draft, edit: forms.Describe) -> str:
    if edit.name is not None and edit.name != draft.definition.name:
        return f"Renamed the workflow to “{edit.name}”"
    return "Changed the description of the workflow"


def _replace(draft: Draft, edit: forms.Replace) -> str:
    return "Replaced the whole workflow"


def _step(draft: Draft, step_id: str) -> str:
    try:
        return f"“{draft.title(draft.node(step_id))}”"
    except BadEdit:
        return f"“{step_id}”"


def _mark(draft: Draft, step_id: str) -> str:
    try:
        return draft.node(step_id).saved or ""
    except BadEdit:
        return ""


def _steps(draft: Draft, step_ids: Sequence[str]) -> str:
    return _step(draft, step_ids[0]) if len(step_ids) == 1 else f"{len(step_ids)} steps"


def _raw(draft: Draft, nodes: Sequence[Mapping[str, Any]]) -> str:
    if len(nodes) > 1:
        return f"{len(nodes)} steps"
    kind = draft.kinds.get(str(nodes[0].get("kind")))
    return f"“{nodes[0].get('title') or (kind.title if kind else nodes[0].get('kind'))}”"


def _param(draft: Draft, step_id: str, path: str) -> str:
    """The parameter as the form calls it."""
    name = path.partition(".")[0]
    try:
        kind = draft.kinds.get(draft.node(step_id).kind)
    except BadEdit:
        kind = None
    fields = kind.Params.model_fields.values() if kind else ()
    by_name = {field.alias or "": field.title for field in fields} | {
        known: field.title for known, field in (kind.Params.model_fields.items() if kind else ())
    }
    return f"“{by_name.get(name) or name}”"


def _where(draft: Draft, place: forms.Place, without: Sequence[str] = ()) -> str:
    """`after “Sort”`, `into “Branch”`, `at the start`."""
    try:
        sequence = dict(draft.node(place.into.step).sequences()).get(place.into.arm, []) if place.into.step else None
    except BadEdit:
        sequence = []
    held = draft.definition.steps if sequence is None else sequence
    before = [node for node in held[: place.at] if node.id not in without]
    if before:
        return f"after “{draft.title(before[-1])}”"
    return f"into {_step(draft, place.into.step)}" if place.into.step else "at the start"


def _titled(title: str) -> str:
    return f" “{title}”" if title else ""


SENTENCES: Mapping[type[forms.Form], Callable[[Draft, Any], str]] = {
    forms.Add: _add,
    forms.Paste: _paste,
    forms.Duplicate: _duplicate,
    forms.Move: _move,
    forms.Remove: _remove,
    forms.Swap: _swap,
    forms.Change: _change,
    forms.ChangeEach: _change_each,
    forms.Rename: _rename,
    forms.Wrap: _wrap,
    forms.Unwrap: _unwrap,
    forms.AddWay: _add_way,
    forms.ChangeWay: _change_way,
    forms.MoveWay: _move_way,
    forms.RemoveWay: _remove_way,
    forms.SetInput: _set_input,
    forms.RenameInput: _rename_input,
    forms.MoveInput: _move_input,
    forms.RemoveInput: _remove_input,
    forms.SetResult: _set_result,
    forms.RenameResult: _rename_result,
    forms.MoveResult: _move_result,
    forms.RemoveResult: _remove_result,
    forms.Describe: _describe,
    forms.Replace: _replace,
}
