"""What is next? Pure: the same tree and state always give the same commands, and asking again says nothing new.

The planner knows sequences, containers that have been entered, and failure; it knows no step kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from workflows.engine.definition import Node
from workflows.engine.state import OVER, State
from workflows.engine.tree import Tree, arm_path


@dataclass(frozen=True, slots=True)
class Begin:
    """Bring up this step."""

    path: str
    node: Node


@dataclass(frozen=True, slots=True)
class Wake:
    """The sequences that this container entered are at their end; `failed` is the step inside that ended them."""

    path: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is at its end; `failed` is the step it failed at, or nothing."""

    failed: str = ""


Command = Begin | Wake | Finish


class _End(Enum):
    OPEN = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class _Failed:
    path: str


def plan(tree: Tree, state: State, body: str = "") -> list[Command]:
    """The commands that lead on from this state; none while everything possible is under way."""
    commands: list[Command] = []
    end = _walk(tree, tree.sequence(body), "", state, commands)
    if end is _End.ENDED:
        return [*commands, Finish()]
    if isinstance(end, _Failed):
        return [Finish(failed=end.path)]
    return commands


def _walk(tree: Tree, sequence: list[Node], prefix: str, state: State, commands: list[Command]) -> _End | _Failed:
    for node in sequence:
        path = prefix + node.id
        step = state.get(path)
        if step is None:
            commands.append(Begin(path, node))
            return _End.OPEN
        if step.status in OVER or step.tolerated:
            continue
        if step.status == "failed":
            return _Failed(path)
        if step.status == "inside":
            return _look_inside(tree, node, path, state, commands)
        return _End.OPEN
    return _End.ENDED


def _look_inside(tree: Tree, node: Node, path: str, state: State, commands: list[Command]) -> _End | _Failed:
    step = state[path]
    begun: list[Command] = []
    ends = [_walk(tree, tree.arm(node.id, arm), arm_path(path, arm, step.round), state, begun) for arm in step.arms]
    failed = next((end for end in ends if isinstance(end, _Failed)), None)
    if failed is not None and not step.catches:
        return failed
    if failed is not None:
        commands.append(Wake(path, failed=failed.path))
    elif all(end is _End.ENDED for end in ends):
        commands.append(Wake(path))
    else:
        commands.extend(begun)
    return _End.OPEN
