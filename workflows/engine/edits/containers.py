"""Edits of containers: wrap, unwrap, and their ways."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from workflows.engine.definition import Arm, Case, Node, Tool
from workflows.engine.edits import forms
from workflows.engine.edits.draft import UNSET, Draft
from workflows.engine.edits.forms import BadEdit
from workflows.engine.edits.steps import checked_id, copied

FIRST_WAY = {"flow.branch": "cases", "flow.parallel": "arms", "flow.attempt": "rescue", "ai.agent": "arms"}
MOST_WAYS = 50


def wrap(draft: Draft, edit: forms.Wrap) -> None:
    sequence, start, end = draft.together(edit.steps)
    node = draft.made(edit.kind)
    if edit.id is not None:
        node.id = checked_id(draft, edit.id)
    node.given = copied(edit.given)
    _first(node)[:] = sequence[start:end]
    sequence[start:end] = [node]


def unwrap(draft: Draft, edit: forms.Unwrap) -> None:
    sequence, index = draft.spot(edit.step)
    node = sequence[index]
    held = [steps for _, steps in node.sequences()]
    if not held:
        raise BadEdit(f"“{draft.title(node)}” holds no steps.")
    first = _first(node)
    if any(steps for steps in held if steps is not first):
        raise BadEdit(f"“{draft.title(node)}” holds steps in other ways too. Move them or delete them first.")
    sequence[index : index + 1] = first


def add_way(draft: Draft, edit: forms.AddWay) -> None:
    node = draft.node(edit.step)
    way = edit.way or FIRST_WAY.get(node.kind, "")
    kind = draft.kinds.get(node.kind)
    if kind is None or way not in kind.sequences:
        raise BadEdit(f"“{draft.title(node)}” takes no further ways of this sort.")
    if way in ("otherwise", "rescue"):
        if getattr(node, way) is not None:
            raise BadEdit(f"“{draft.title(node)}” has that way already.")
        setattr(node, way, [])
        return
    ways = getattr(node, way) or []
    if len(ways) >= MOST_WAYS:
        raise BadEdit(f"“{draft.title(node)}” has {MOST_WAYS} ways; more are not allowed.")
    at = len(ways) if edit.at is None else edit.at
    tool = Tool() if kind.arms_are_tools else None
    new = Case(title=edit.title, when=_condition(edit.when)) if way == "cases" else Arm(title=edit.title, tool=tool)
    ways.insert(at, new)
    setattr(node, way, ways)


def change_way(draft: Draft, edit: forms.ChangeWay) -> None:
    ways, index = _way(draft, edit.step, edit.way)
    if edit.title is not None:
        ways[index].title = edit.title
    if edit.when is not None:
        if not isinstance(ways[index], Case):
            raise BadEdit("Only the ways of a branch have a condition.")
        ways[index].when = copied(edit.when)
    if edit.tool is not None:
        ways[index].tool = _tool(ways[index], edit.tool)


def move_way(draft: Draft, edit: forms.MoveWay) -> None:
    ways, index = _way(draft, edit.step, edit.way)
    ways.insert(edit.to, ways.pop(index))


def remove_way(draft: Draft, edit: forms.RemoveWay) -> None:
    if edit.way in ("otherwise", "rescue"):
        node = draft.node(edit.step)
        if getattr(node, edit.way) is None:
            raise BadEdit(f"“{draft.title(node)}” has no such way any more.")
        setattr(node, edit.way, None)
        return
    ways, index = _way(draft, edit.step, edit.way)
    if len(ways) == 1:
        raise BadEdit("This is the last way. Delete the whole step, or unwrap it.")
    del ways[index]


def _way(draft: Draft, step_id: str, way: str) -> tuple[list[Any], int]:
    """The cases or arms of the step, and the index of the one that is meant. Raises BadEdit."""
    name, _, number = way.partition(".")
    ways = getattr(draft.node(step_id), name) if number else None
    if not ways or int(number) >= len(ways):
        raise BadEdit(f"“{draft.title(draft.node(step_id))}” has no way “{way}” of this sort.")
    return ways, int(number)


def _tool(way: Any, changed: dict[str, Any]) -> Tool:
    if not isinstance(way, Arm):
        raise BadEdit("Only the tools of an AI are described in this way.")
    before = way.tool.model_dump(exclude_defaults=True) if way.tool else {}
    try:
        return Tool.model_validate({**before, **copied(changed)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadEdit(f"The tool cannot be described so: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def _first(node: Node) -> list[Node]:
    """The sequence that comes first: `steps`, `cases.0` or `arms.0`."""
    if node.steps is not None:
        return node.steps
    ways = node.cases or node.arms
    if not ways:
        raise BadEdit("This step holds no sequence to begin with.")
    return ways[0].steps


def _condition(when: dict[str, Any] | None) -> dict[str, Any]:
    return dict(UNSET) if when is None else copied(when)
