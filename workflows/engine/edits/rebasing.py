"""An edit made on an older draft, fitted to the present one; or a clash, when both touch the same thing.

Every edit writes some things and relies on others. Two edits clash when one writes what the other writes or relies on.
A thing is a path, and a path covers all that begins with it: ("step", "draft") covers ("step", "draft", "title").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.engine.definition import Definition, Node
from workflows.engine.edits import forms
from workflows.engine.edits.draft import Draft, ids_of
from workflows.engine.edits.forms import BadEdit, Edit, read
from workflows.engine.edits.references import rewritten

Thing = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An edit that was made in the meantime, and the definition before it."""

    edit: Edit
    before: Definition


@dataclass(frozen=True, slots=True)
class Touched:
    writes: frozenset[Thing]
    relies: frozenset[Thing] = frozenset()


SETS = (forms.Change, forms.ChangeEach, forms.ChangeWay, forms.SetInput, forms.SetResult, forms.Describe)
"""Edits that give something another value: the later one is what the person wants."""


class Clash(BadEdit):
    """Both edits touch the same thing; `index` says which of the earlier ones it is."""

    def __init__(self, index: int) -> None:
        super().__init__("Somebody else has changed the same thing in the meantime.")
        self.index = index


def rebase(
    edit: Mapping[str, Any] | Edit, earlier: Sequence[Earlier], now: Definition, own: Collection[int] = ()
) -> Edit:
    """The same edit for the definition `now`, when it was made for the one before all of `earlier`.

    Places follow their neighbours, names follow renames. `own` are the indexes of earlier edits by the same person:
    setting a value that they have set themselves is no clash. Raises Clash.
    """
    form = read(edit)
    if not earlier:
        return form
    base = earlier[0].before
    mine = touched(form, base)
    for index, other in enumerate(earlier):
        if index in own and isinstance(form, SETS) and isinstance(other.edit, SETS):
            continue
        if clashes(mine, touched(other.edit, other.before)):
            raise Clash(index)

    names = _Renamed(earlier)
    fitted = _place_fitted(form, base, now, names)
    return read(names.translated(fitted.model_dump(by_alias=True, exclude_unset=True) | {"do": form.do}))


def placed(edit: Edit, was: Definition, now: Definition) -> Edit:
    """The edit with its place fitted to a definition that is not the one it was made on."""
    return _place_fitted(edit, was, now, _Renamed(()))


def clashes(mine: Touched, theirs: Touched) -> bool:
    return _meet(mine.writes, theirs.writes) or _meet(mine.writes, theirs.relies) or _meet(mine.relies, theirs.writes)


def touched(edit: Edit, before: Definition) -> Touched:
    """What the edit writes and relies on, when it is made on this definition."""
    writes, relies = TOUCHES[type(edit)](Draft(before, {}), edit)
    return Touched(frozenset(writes), frozenset(relies))


def _meet(left: Iterable[Thing], right: Iterable[Thing]) -> bool:
    return any(one[: len(two)] == two or two[: len(one)] == one for one in left for two in right)


class _Renamed:
    """What steps and inputs are called after the earlier edits."""

    def __init__(self, earlier: Sequence[Earlier]) -> None:
        self.steps: dict[str, str] = {}
        self.references: dict[tuple[str, ...], str] = {}
        for other in earlier:
            match other.edit:
                case forms.Rename(step=old, id=new):
                    self._note(self.steps, "steps", old, new)
                case forms.RenameInput(name=old, to=new):
                    self._note({}, "inputs", old, new)

    def _note(self, names: dict[str, str], root: str, old: str, new: str) -> None:
        for first, present in list(names.items()):
            if present == old:
                names[first] = new
        names.setdefault(old, new)
        for path, present in list(self.references.items()):
            if path[0] == root and present == old:
                self.references[path] = new
        self.references.setdefault((root, old), new)

    def step(self, step_id: str) -> str:
        return self.steps.get(step_id, step_id)

    def translated(self, edit: dict[str, Any]) -> dict[str, Any]:
        if not self.references:
            return edit
        edit = {name: rewritten(value, self.references) for name, value in edit.items()}
        if "step" in edit:
            edit["step"] = self.step(edit["step"])
        if "steps" in edit:
            edit["steps"] = [self.step(step_id) for step_id in edit["steps"]]
        if "place" in edit and "into" in edit["place"]:
            into = edit["place"]["into"]
            edit["place"] = {**edit["place"], "into": {**into, "step": self.step(into.get("step", ""))}}
        return edit


def _place_fitted(form: Edit, base: Definition, now: Definition, names: _Renamed) -> Edit:
    """The index follows the neighbours that the place had."""
    if not isinstance(form, forms.Add | forms.Paste | forms.Move) or form.place.at is None:
        return form
    moved = set(form.steps) if isinstance(form, forms.Move) else set()
    into = form.place.into
    was = [names.step(node.id) for node in _held(base, into) if node.id not in moved]
    at = sum(1 for node in _held(base, into)[: form.place.at] if node.id not in moved)
    here = into.model_copy(update={"step": names.step(into.step)})
    present = [node.id for node in _held(now, here)]
    fitted = _fitted(was, at, present)
    return form.model_copy(update={"place": form.place.model_copy(update={"at": fitted})})


def _fitted(was: Sequence[str], at: int, present: Sequence[str]) -> int:
    """After the nearest step before the place that is still there, else before the nearest one after it."""
    for step_id in reversed(was[:at]):
        if step_id in present:
            return present.index(step_id) + 1
    for step_id in was[at:]:
        if step_id in present:
            return present.index(step_id)
    return len(present)


def _held(definition: Definition, into: forms.Into) -> list[Node]:
    if not into.step:
        return definition.steps
    try:
        return dict(Draft(definition, {}).node(into.step).sequences()).get(into.arm, [])
    except BadEdit:
        return []


# What each edit writes and relies on --------------------------------------------------------------------------------

Things = tuple[list[Thing], list[Thing]]


def _add(draft: Draft, edit: forms.Add) -> Things:
    return ([("step", edit.id)] if edit.id else []), _at(edit.place)


def _paste(draft: Draft, edit: forms.Paste) -> Things:
    return [], _at(edit.place)


def _duplicate(draft: Draft, edit: forms.Duplicate) -> Things:
    return [], [("step", edit.step, "there")]


def _move(draft: Draft, edit: forms.Move) -> Things:
    return [("step", step_id, "place") for step_id in edit.steps], _at(edit.place)


def _whole(draft: Draft, edit: forms.Remove | forms.Swap) -> Things:
    return [("step", step_id) for chosen in edit.steps for step_id in _with_inner(draft, chosen)], []


def _change(draft: Draft, edit: forms.Change) -> Things:
    return [("step", edit.step, *edit.field.split("."))], []


def _change_each(draft: Draft, edit: forms.ChangeEach) -> Things:
    return [("step", step_id, edit.field) for step_id in edit.steps], []


def _rename(draft: Draft, edit: forms.Rename) -> Things:
    return [("step", edit.step, "id"), ("step", edit.id, "id")], []


def _wrap(draft: Draft, edit: forms.Wrap) -> Things:
    return [("step", step_id, "place") for step_id in edit.steps] + ([("step", edit.id)] if edit.id else []), []


def _unwrap(draft: Draft, edit: forms.Unwrap) -> Things:
    inner = [step_id for step_id in _with_inner(draft, edit.step) if step_id != edit.step]
    return [("step", edit.step), *(("step", step_id, "place") for step_id in inner)], []


def _ways(draft: Draft, edit: forms.AddWay | forms.MoveWay) -> Things:
    return [("step", edit.step, "ways")], []


def _change_way(draft: Draft, edit: forms.ChangeWay) -> Things:
    what = [name for name in ("title", "when") if getattr(edit, name) is not None]
    return [("step", edit.step, "way", edit.way, name) for name in what], [("step", edit.step, "ways")]


def _remove_way(draft: Draft, edit: forms.RemoveWay) -> Things:
    inner = ids_of(_held(draft.definition, forms.Into(step=edit.step, arm=edit.way)))
    writes = [("step", edit.step, "ways"), ("step", edit.step, "way", edit.way)]
    return [*writes, *(("step", step_id) for step_id in inner)], []


def _input(draft: Draft, edit: forms.SetInput | forms.RemoveInput) -> Things:
    return [("input", edit.name)], []


def _result(draft: Draft, edit: forms.SetResult | forms.RemoveResult) -> Things:
    return [("result", edit.name)], []


def _rename_input(draft: Draft, edit: forms.RenameInput) -> Things:
    return [("input", edit.name), ("input", edit.to)], []


def _rename_result(draft: Draft, edit: forms.RenameResult) -> Things:
    return [("result", edit.name), ("result", edit.to)], []


def _order(draft: Draft, edit: forms.MoveInput | forms.MoveResult) -> Things:
    return [(f"order of {edit.do}",)], [("input" if isinstance(edit, forms.MoveInput) else "result", edit.name)]


def _describe(draft: Draft, edit: forms.Describe) -> Things:
    return [("workflow", name) for name in ("name", "description") if getattr(edit, name) is not None], []


def _everything(draft: Draft, edit: forms.Replace) -> Things:
    return [()], []


def _at(place: forms.Place) -> list[Thing]:
    step, arm = place.into.step, place.into.arm
    if not step:
        return []
    numbered = [("step", step, "ways")] if "." in arm else []
    return [("step", step, "there"), ("step", step, "way", arm, "there"), *numbered]


def _with_inner(draft: Draft, step_id: str) -> list[str]:
    try:
        return ids_of([draft.node(step_id)])
    except BadEdit:
        return [step_id]


TOUCHES: Mapping[type[forms.Form], Callable[[Draft, Any], Things]] = {
    forms.Add: _add,
    forms.Paste: _paste,
    forms.Duplicate: _duplicate,
    forms.Move: _move,
    forms.Remove: _whole,
    forms.Swap: _whole,
    forms.Change: _change,
    forms.ChangeEach: _change_each,
    forms.Rename: _rename,
    forms.Wrap: _wrap,
    forms.Unwrap: _unwrap,
    forms.AddWay: _ways,
    forms.ChangeWay: _change_way,
    forms.MoveWay: _ways,
    forms.RemoveWay: _remove_way,
    forms.SetInput: _input,
    forms.RenameInput: _rename_input,
    forms.MoveInput: _order,
    forms.RemoveInput: _input,
    forms.SetResult: _result,
    forms.RenameResult: _rename_result,
    forms.MoveResult: _order,
    forms.RemoveResult: _result,
    forms.Describe: _describe,
    forms.Replace: _everything,
}
