"""A definition while it is being changed: finding steps and sequences, and inventing ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Arm, Case, Definition, Node, Tool
from workflows.engine.edits.forms import BadEdit, Into, Place

MOST_LETTERS = 60
UNSET: dict[str, object] = {"all": []}
"""The condition of a way that has none yet."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A definition that may be changed in place, and the step kinds there are."""

    definition: Definition
    kinds: Mapping[str, type[Action]]

    def node(self, step_id: str) -> Node:
        sequence, index = self.spot(step_id)
        return sequence[index]

    def spot(self, step_id: str) -> tuple[list[Node], int]:
        """The sequence that holds the step, and its index there. Raises BadEdit."""
        for sequence in sequences(self.definition.steps):
            for index, node in enumerate(sequence):
                if node.id == step_id:
                    return sequence, index
        raise BadEdit(f"There is no step “{step_id}” any more.")

    def together(self, step_ids: Sequence[str]) -> tuple[list[Node], int, int]:
        """The sequence, the start and the end of steps that stand one after the other. Raises BadEdit."""
        spots = [self.spot(step_id) for step_id in step_ids]
        sequence = spots[0][0]
        indexes = sorted({index for _, index in spots})
        start, end = indexes[0], indexes[-1] + 1
        if any(held is not sequence for held, _ in spots) or end - start != len(indexes):
            raise BadEdit("These steps do not stand one after the other. Choose neighbours.")
        return sequence, start, end

    def sequence(self, into: Into) -> list[Node]:
        """Raises BadEdit. `otherwise` and `rescue` come into being."""
        if not into.step:
            return self.definition.steps
        node = self.node(into.step)
        if into.arm in ("otherwise", "rescue") and self._may_hold(node, into.arm) and getattr(node, into.arm) is None:
            setattr(node, into.arm, [])
        held = dict(node.sequences()).get(into.arm)
        if held is None:
            raise BadEdit(f"“{self.title(node)}” has no place “{into.arm}” to put a step.")
        return held

    def insert(self, place: Place, nodes: Sequence[Node]) -> None:
        """An index beyond the end is the end."""
        sequence = self.sequence(place.into)
        at = len(sequence) if place.at is None else place.at
        sequence[at:at] = nodes

    def title(self, node: Node) -> str:
        kind = self.kinds.get(node.kind)
        return node.title or (kind.title if kind else node.kind)

    def ids(self) -> set[str]:
        return {node.id for node in self.definition.nodes()}

    def made(self, kind_name: str) -> Node:
        """A new step with its sequences, empty: a branch with one way and the rest, a parallel step with two arms."""
        kind = self.kinds.get(kind_name)
        if kind is None:
            raise BadEdit(f"There is no kind of step called “{kind_name}” here.")
        node = Node(id=free_id(id_from(kind.title), self.ids()), kind=kind_name)
        for name in kind.sequences:
            setattr(node, name, [Arm(tool=Tool())] if kind.arms_are_tools else _empty(name))
        return node

    def _may_hold(self, node: Node, arm: str) -> bool:
        kind = self.kinds.get(node.kind)
        return kind is not None and arm in kind.sequences


def sequences(steps: list[Node]) -> Iterator[list[Node]]:
    """Every sequence of a definition, the outer one first."""
    yield steps
    for node in steps:
        for _, held in node.sequences():
            yield from sequences(held)


def ids_of(nodes: Sequence[Node]) -> list[str]:
    """The ids of the steps and of all they hold, in reading order."""
    return [node.id for sequence in sequences(list(nodes)) for node in sequence]


def id_from(title: str) -> str:
    """`Sort into labels` → `sort_into_labels`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_").lstrip("0123456789_")[:MOST_LETTERS].rstrip("_") or "step"


def free_id(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with the first number that makes it free: `draft_2`."""
    if wanted not in taken and is_readable(wanted):
        return wanted
    stem = re.sub(r"_\d+$", "", wanted)
    number = 2
    while (found := f"{stem[: MOST_LETTERS - len(str(number)) - 1]}_{number}") in taken:
        number += 1
    return found


def is_readable(name: str) -> bool:
    """Whether a text can refer to it: words of the template language (`in`, `and`, `true`) cannot be names."""
    return not params.check(f"- {{{{ steps.{name}.x }}}}")


def _empty(sequence: str) -> list[Node] | list[Case] | list[Arm]:
    if sequence == "cases":
        return [Case(when=dict(UNSET))]
    if sequence == "arms":
        return [Arm(), Arm()]
    return []
