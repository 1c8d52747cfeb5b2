"""Finding one's way in a definition: which step stands where, and what it may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from workflows.engine.definition import Definition, Node

ROUND = "~"
"""Separates an arm from the number of the round: `again/steps~3/draft`."""
ASIDE = "!"
"""Marks a step that was set aside because its draft was sent back, with the how-manieth it is: `review!1`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A step and the containers around it, outermost first, each with the arm that leads to the step."""

    node: Node
    around: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tree:
    """A definition with its steps by id. Made once per version and shared: nothing in it changes."""

    definition: Definition

    @cached_property
    def places(self) -> Mapping[str, Place]:
        return {place.node.id: place for place in _places(self.definition.steps, ())}

    def node(self, step_id: str) -> Node:
        return self.places[step_id].node

    def sequence(self, body: str) -> list[Node]:
        """What a run walks: the whole workflow for an empty `body`, else the steps of that container."""
        return (self.node(body).steps or []) if body else self.definition.steps

    def arm(self, step_id: str, arm: str) -> list[Node]:
        return dict(self.node(step_id).sequences())[arm]

    def around(self, step_id: str, body: str) -> tuple[tuple[str, str], ...]:
        """The containers around a step, seen from inside a run that walks `body`."""
        around = self.places[step_id].around
        depth = next((index + 1 for index, (container, _) in enumerate(around) if container == body), 0)
        return around[depth:]

    def is_inside(self, step_id: str, body: str) -> bool:
        """Whether a run that walks `body` ever comes to this step."""
        return not body or any(container == body for container, _ in self.places[step_id].around)


def id_of(path: str) -> str:
    """`again/steps~3/draft` → `draft`."""
    return path.rpartition("/")[2]


def arm_path(path: str, arm: str, round: int) -> str:
    """The place of a sequence of the step at `path`: `again` + `steps` + 3 → `again/steps~3/`."""
    return f"{path}/{arm}{ROUND}{round}/" if round else f"{path}/{arm}/"


def _places(sequence: list[Node], around: tuple[tuple[str, str], ...]) -> Iterator[Place]:
    for node in sequence:
        yield Place(node, around)
        for arm, held in node.sequences():
            yield from _places(held, (*around, (node.id, arm)))
