"""A draft that is sent back: which step wrote it, and what has to be done again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Node, walked
from workflows.engine.tree import Tree

Kinds = Mapping[str, type[Action]]


@dataclass(frozen=True, slots=True)
class WayBack:
    """`writer` does it again. `first` and `last` are the steps of one sequence between which everything is redone;
    `arm` is the place of that sequence, as the containers that lead to it.
    """

    writer: str
    first: str
    last: str
    arm: tuple[tuple[str, str], ...]


class NoWayBack(ValueError):
    """Why this draft cannot be sent back; a sentence for a person."""


def way_back(tree: Tree, step_id: str, kinds: Kinds, body: str = "") -> WayBack:
    """From the step that asks for a review to the AI step whose draft it shows. Raises NoWayBack."""
    writer = writer_of(tree, step_id, kinds)
    if writer is None or not tree.is_inside(writer, body):
        raise NoWayBack("No AI step of this run wrote the draft, so there is nobody to send it back to.")

    here, there = _chain(tree, step_id, body), _chain(tree, writer, body)
    shared = _shared(here, there)
    arm = tuple(here[:shared])
    first, last = _at(there, shared, writer), _at(here, shared, step_id)
    for node in _between(tree, arm, body, first, last):
        if kinds[node.kind].may_leave(node.given) and not node.off:
            raise NoWayBack(
                f"Between the draft and this question, “{node.title or node.kind}” has already sent something."
            )
    return WayBack(writer, first, last, arm)


def writer_of(tree: Tree, step_id: str, kinds: Kinds) -> str | None:
    """The AI step nearest to the draft: named in it, or in what is named there."""
    todo, seen = [tree.node(step_id).given.get("draft")], {step_id}
    while todo:
        named = sorted(_steps_in(todo.pop(0)) & set(tree.places) - seen)
        for name in named:
            if kinds[tree.node(name).kind].asks_model:
                return name
        seen |= set(named)
        todo += [tree.node(name).given for name in named]
    return None


def _steps_in(value: object) -> set[str]:
    try:
        return {str(found[1]) for found in params.references(value) if found[0] == "steps" and len(found) > 1}
    except params.BadText:
        return set()


def _chain(tree: Tree, step_id: str, body: str) -> list[tuple[str, str]]:
    return list(tree.around(step_id, body))


def _shared(here: list[tuple[str, str]], there: list[tuple[str, str]]) -> int:
    pairs = zip(here, there, strict=False)
    return next((depth for depth, (a, b) in enumerate(pairs) if a != b), min(len(here), len(there)))


def _at(chain: list[tuple[str, str]], depth: int, step_id: str) -> str:
    """The step of the shared sequence that holds, or is, the step."""
    return chain[depth][0] if len(chain) > depth else step_id


def _between(tree: Tree, arm: tuple[tuple[str, str], ...], body: str, first: str, last: str) -> Iterator[Node]:
    sequence = tree.arm(*arm[-1]) if arm else tree.sequence(body)
    ids = [node.id for node in sequence]
    yield from walked(_cut(sequence, ids.index(first), ids.index(last)))


def _cut(sequence: list[Node], first: int, last: int) -> Iterable[Node]:
    return sequence[first : last + 1]
