"""Edits of single steps: add, paste, duplicate, move, remove, swap, change, rename."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from workflows.engine.definition import Definition, Node
from workflows.engine.edits import forms
from workflows.engine.edits.draft import Draft, free_id, ids_of, is_readable, sequences
from workflows.engine.edits.forms import BadEdit
from workflows.engine.edits.references import Renames, follow, follow_in, follow_name


def add(draft: Draft, edit: forms.Add) -> None:
    node = draft.made(edit.kind)
    if edit.id is not None:
        node.id = checked_id(draft, edit.id)
    node.given, node.title = copied(edit.given), edit.title
    draft.insert(edit.place, [node])


def paste(draft: Draft, edit: forms.Paste) -> None:
    nodes = read_nodes(edit.nodes)
    settle(nodes, draft.ids())
    draft.insert(edit.place, nodes)


def duplicate(draft: Draft, edit: forms.Duplicate) -> None:
    sequence, index = draft.spot(edit.step)
    nodes = read_nodes([sequence[index].model_dump(by_alias=True, exclude_defaults=True)])
    settle(nodes, draft.ids())
    if nodes[0].title:
        nodes[0].title = _free_title(nodes[0].title, {node.title for node in draft.definition.nodes()})
    sequence[index + 1 : index + 1] = nodes


def move(draft: Draft, edit: forms.Move) -> None:
    """Raises BadEdit when the place lies inside what is moved."""
    source, start, end = draft.together(edit.steps)
    moved = source[start:end]
    if edit.place.into.step in ids_of(moved):
        raise BadEdit("A step cannot be moved into itself. Choose another place.")
    target = draft.sequence(edit.place.into)
    at = len(target) if edit.place.at is None else min(edit.place.at, len(target))
    if target is source and at > start:
        at = max(start, at - len(moved))
    del source[start:end]
    target[at:at] = moved


def remove(draft: Draft, edit: forms.Remove) -> None:
    gone = set(edit.steps)
    if missing := gone - draft.ids():
        raise BadEdit(f"There is no step “{min(missing)}” any more.")
    for sequence in list(sequences(draft.definition.steps)):
        sequence[:] = [node for node in sequence if node.id not in gone]


def swap(draft: Draft, edit: forms.Swap) -> None:
    sequence, start, end = draft.together(edit.steps)
    nodes = read_nodes(edit.nodes)
    settle(nodes, draft.ids() - set(ids_of(sequence[start:end])))
    sequence[start:end] = nodes


def change(draft: Draft, edit: forms.Change) -> None:
    node = draft.node(edit.step)
    before = _names_inside(draft, node)
    field, _, path = edit.field.partition(".")
    if path:
        node.given = _put(copied(node.given), path.split("."), copied(edit.value))
    else:
        setattr(node, _attribute(field), _validated(field, edit.value))
    if renames := _renamed_names(before, _names_inside(draft, node)):
        follow_name(node, renames, draft.kinds)


def change_each(draft: Draft, edit: forms.ChangeEach) -> None:
    for step in edit.steps:
        change(draft, forms.Change(do="change", step=step, field=edit.field, value=edit.value))


def rename(draft: Draft, edit: forms.Rename) -> None:
    node = draft.node(edit.step)
    if edit.id == edit.step:
        return
    node.id = checked_id(draft, edit.id)
    if edit.step not in draft.ids():
        follow(draft.definition, {("steps", edit.step): edit.id})


def read_nodes(raw: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Steps as a definition writes them. Raises BadEdit."""
    try:
        return [Node.model_validate(copied(dict(node))) for node in raw]
    except ValidationError as error:
        raise BadEdit(f"This is not a step: {_said(error)}.") from None
    except RecursionError:
        raise BadEdit("These steps are nested too deeply.") from None


def settle(nodes: Sequence[Node], taken: Iterable[str]) -> None:
    """Give each step an id that is free; references among the steps follow."""
    taken = set(taken)
    renames: dict[tuple[str, ...], str] = {}
    for node in Definition.model_construct(steps=list(nodes)).nodes():
        found = free_id(node.id, taken)
        if found != node.id:
            renames.setdefault(("steps", node.id), found)
        node.id = found
        taken.add(found)
    follow_in(nodes, renames)


def copied(value: Any) -> Any:
    """A JSON value that shares nothing with the other. Raises BadEdit for anything else."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadEdit(f"This value cannot be stored: {error}.") from None


def checked_id(draft: Draft, step_id: str) -> str:
    if step_id in draft.ids():
        raise BadEdit(f"Another step has the id “{step_id}” already. Choose another.")
    if not is_readable(step_id):
        raise BadEdit(f"“{step_id}” is a word of the template language and cannot be an id. Choose another.")
    return step_id


def _attribute(field: str) -> str:
    return "given" if field == "with" else field


def _validated(field: str, value: Any) -> Any:
    """The value as a step holds it; None is the field's default."""
    given = {} if value is None else {field: copied(value)}
    try:
        return getattr(Node.model_validate({"id": "step", "kind": "step", **given}), _attribute(field))
    except ValidationError as error:
        raise BadEdit(f"This cannot be the value of {field}: {_said(error)}.") from None


def _put(value: Any, path: Sequence[str], new: Any) -> Any:
    """Set what stands at the path; None takes it out. Mappings on the way come into being."""
    name, *rest = path
    if isinstance(value, list):
        return _put_item(value, name, rest, new)
    value = value if isinstance(value, dict) else {}
    if rest:
        value[name] = _put(value.get(name), rest, new)
    elif new is None:
        value.pop(name, None)
    else:
        value[name] = new
    return value


def _put_item(value: list[Any], name: str, rest: Sequence[str], new: Any) -> list[Any]:
    if not name.isdecimal() or int(name) > len(value):
        raise BadEdit(f"The list has no item “{name}”.")
    index = int(name)
    if rest:
        value[index : index + 1] = [_put(value[index] if index < len(value) else None, rest, new)]
    elif new is None:
        del value[index : index + 1]
    else:
        value[index : index + 1] = [new]
    return value


def _names_inside(draft: Draft, node: Node) -> tuple[str, ...]:
    kind = draft.kinds.get(node.kind)
    return kind.names_inside(node.given) if kind and kind.sequences else ()


def _renamed_names(before: Sequence[str], after: Sequence[str]) -> Renames:
    """What a container calls its item may change with its parameters: the steps inside follow."""
    if len(before) != len(after):
        return {}
    return {(old,): new for old, new in zip(before, after, strict=True) if old != new and is_readable(new)}


def _free_title(title: str, taken: set[str]) -> str:
    stem, number = re.sub(r" \d+$", "", title)[:190], 2
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
