"""Which sequence of the older definition became which of the newer one, and where each step stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workflows.engine.definition import Arm, Case, Definition, Node

Way = tuple[str, str]
"""A sequence: the container's id and the arm, ("route", "cases.0"); both empty for the workflow's own."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a step stands: its sequence, and the step before it there."""

    way: Way
    after: str


def spots(definition: Definition) -> dict[str, Spot]:
    """Every step's place, in reading order. Of two steps with one id the last one counts."""
    return dict(_spots(definition.steps, ("", "")))


def _spots(sequence: Sequence[Node], way: Way) -> Iterator[tuple[str, Spot]]:
    before = ""
    for node in sequence:
        yield node.id, Spot(way, before)
        for arm, held in node.sequences():
            yield from _spots(held, (node.id, arm))
        before = node.id


def sequences(definition: Definition) -> dict[Way, list[str]]:
    found: dict[Way, list[str]] = {("", ""): [node.id for node in definition.steps]}
    for node in definition.nodes():
        found |= {(node.id, arm): [each.id for each in held] for arm, held in node.sequences()}
    return found


def matched_ways(old: Node, new: Node) -> dict[str, str]:
    """Arm of the older container → arm of the newer one. Cases and arms have no ids, so their contents tell."""
    found = {arm: arm for arm in ("steps", "rescue", "otherwise") if _has(old, arm) and _has(new, arm)}
    for name in ("cases", "arms"):
        pairs = _pairs(getattr(old, name) or (), getattr(new, name) or ())
        found |= {f"{name}.{before}": f"{name}.{after}" for before, after in pairs.items()}
    return found


def moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The fewest of these whose moving turns one order of the same things into the other.

    What may stay is a longest increasing subsequence (patience sorting).
    """
    number = {each: index for index, each in enumerate(before)}
    tops: list[int] = []
    under: dict[int, int] = {}
    for each in (number[name] for name in after):
        pile = bisect_left(tops, each)
        under[each] = tops[pile - 1] if pile else -1
        tops[pile : pile + 1] = [each]
    kept, at = set(), tops[-1] if tops else -1
    while at >= 0:
        kept.add(before[at])
        at = under[at]
    return set(after) - kept


def reading_order(old: Mapping[str, Spot], new: Mapping[str, Spot]) -> list[str]:
    """All steps of both: those of the newer one, and each that is gone behind what it once followed."""
    order = list(new)
    previous = ""
    for step in old:
        if step not in new:
            order.insert(order.index(previous) + 1 if previous else 0, step)
        previous = step
    return order


def _has(node: Node, arm: str) -> bool:
    return getattr(node, arm) is not None


def _pairs(old: Sequence[Case | Arm], new: Sequence[Case | Arm]) -> dict[int, int]:
    """The most alike first; two that have nothing in common are one taken away and another one new."""
    scored = [(_likeness(a, b), -abs(i - j), i, j) for i, a in enumerate(old) for j, b in enumerate(new)]
    found: dict[int, int] = {}
    for score, _apart, i, j in sorted(scored, reverse=True):
        if score and i not in found and j not in found.values():
            found[i] = j
    return dict(sorted(found.items()))


def _likeness(old: Case | Arm, new: Case | Arm) -> int:
    shared = {node.id for node in old.steps} & {node.id for node in new.steps}
    titled = bool(old.title) and old.title == new.title
    asked = isinstance(old, Case) and isinstance(new, Case) and old.when == new.when
    empty = not old.steps and not new.steps and not (old.title or new.title) and not isinstance(old, Case)
    return 4 * len(shared) + 2 * titled + 2 * asked + empty
