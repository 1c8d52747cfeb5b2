"""A part of a workflow, cut out so that it runs by itself. Pure.

What the part refers to and does not hold has to be given to its run: `needs` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Definition, Node, Retry, walked
from workflows.engine.sending import without_missing
from workflows.engine.tree import Place, Tree

Kinds = Mapping[str, type[Action]]

ONE_MORE_TRY = Retry(attempts=2, first_delay_s=1, longest_s=5)
"""Who waits for the result of one step would rather see why it failed than wait for a quarter of an hour."""


class Extent(StrEnum):
    """How much of the workflow a test runs."""

    WHOLE = "whole"
    ONLY = "only"
    FROM = "from"
    UP_TO = "up_to"


@dataclass(frozen=True, slots=True)
class Part:
    """What of the workflow is meant: all of it, or as much as belongs to one step."""

    extent: Extent = Extent.WHOLE
    step: str = ""

    def __str__(self) -> str:
        """`only:draft`; nothing for the whole."""
        return f"{self.extent}:{self.step}" if self.step else ""

    @classmethod
    def read(cls, text: str) -> Part:
        extent, _, step = text.partition(":")
        return cls(Extent(extent), step) if step else cls()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a part refers to: inputs (None: all of them), earlier steps, and names of the containers around it."""

    inputs: frozenset[str] | None
    steps: frozenset[str]
    names: frozenset[str]


def cut(definition: Definition, part: Part, kinds: Kinds) -> Definition:
    """The part as a definition of its own. Raises KeyError for a step that the definition does not have."""
    if part.extent is Extent.WHOLE:
        return definition
    tree = Tree(definition)
    place = tree.places[part.step]
    match part.extent:
        case Extent.ONLY:
            steps = [_first(place.node, retry=place.node.retry or ONE_MORE_TRY)]
        case Extent.FROM:
            steps = _from_here(tree, place, kinds)
        case _:
            steps = _up_to(tree, place, kinds)
    steps = without_missing(steps)
    return definition.model_copy(update={"steps": steps, "output": {}, "inputs": _inputs(definition, steps)})


def needs(steps: Iterable[Node]) -> Needs:
    """Everything that these steps refer to and do not hold themselves."""
    held = {node.id for node in walked(steps)}
    references = {reference for node in walked(steps) for reference in _references(node)}
    inputs = {str(r[1]) for r in references if r[0] == "inputs" and len(r) > 1}
    return Needs(
        inputs=None if ("inputs",) in references else frozenset(inputs),
        steps=frozenset(str(r[1]) for r in references if r[0] == "steps" and len(r) > 1) - held,
        names=frozenset(str(r[0]) for r in references) - {"inputs", "steps", "run", "department", "workflow"},
    )


def _inputs(definition: Definition, steps: list[Node]) -> dict[str, Any]:
    wanted = needs(steps).inputs
    return {name: asked for name, asked in definition.inputs.items() if wanted is None or name in wanted}


def _first(node: Node, **changes: Any) -> Node:
    """The step where a test begins runs whatever its condition says, and though it may be switched off."""
    return node.model_copy(update={"when": None, "off": False, **changes})


def _from_here(tree: Tree, place: Place, kinds: Kinds) -> list[Node]:
    """The step and what comes after it; inside a repetition to the end of one round."""
    steps = [_first(place.node), *_after(_sequence(tree, place.around), place.node.id)]
    for depth in reversed(range(len(place.around))):
        container_id, arm = place.around[depth]
        container = tree.node(container_id)
        kind = kinds.get(container.kind)
        if kind is not None and kind.repeats:
            break
        if kind is not None and kind.arms_follow_each_other and arm == kind.sequences[0]:
            steps = [container.model_copy(update={arm: steps, "when": None, "off": False})]
        steps += _after(_sequence(tree, place.around[:depth]), container_id)
    return steps


def _up_to(tree: Tree, place: Place, kinds: Kinds) -> list[Node]:
    """Everything up to the step; a repetition around it is run as a whole."""
    last, around = place.node, list(place.around)
    for depth, (container_id, _) in enumerate(place.around):
        kind = kinds.get(tree.node(container_id).kind)
        if kind is None or kind.repeats:
            last, around = tree.node(container_id), around[:depth]
            break
    steps = [*_before(_sequence(tree, tuple(around)), last.id), last]
    for depth in reversed(range(len(around))):
        container_id, arm = around[depth]
        outer = _sequence(tree, tuple(around[:depth]))
        steps = [*_before(outer, container_id), _with_arm(tree.node(container_id), arm, steps)]
    return steps


def _sequence(tree: Tree, around: tuple[tuple[str, str], ...]) -> list[Node]:
    return tree.arm(*around[-1]) if around else tree.definition.steps


def _with_arm(container: Node, arm: str, steps: list[Node]) -> Node:
    """The container with another content of one of its sequences (`steps`, `cases.0` …)."""
    field, _, number = arm.partition(".")
    if not number:
        return container.model_copy(update={field: steps})
    ways = list(getattr(container, field))
    ways[int(number)] = ways[int(number)].model_copy(update={"steps": steps})
    return container.model_copy(update={field: ways})


def _after(sequence: list[Node], step_id: str) -> list[Node]:
    ids = [node.id for node in sequence]
    return sequence[ids.index(step_id) + 1 :]


def _before(sequence: list[Node], step_id: str) -> list[Node]:
    ids = [node.id for node in sequence]
    return sequence[: ids.index(step_id)]


def _references(node: Node) -> set[params.Reference]:
    try:
        return params.references([node.given, node.when, node.output, [case.when for case in node.cases or ()]])
    except params.BadText:  # named by the problems of the definition
        return set()
