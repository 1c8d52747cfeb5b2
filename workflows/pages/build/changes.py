"""From one state of the column to the next with as few swaps as possible: unchanged cards are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from workflows.pages.build.column import Column, Step, Way

MOST_SWAPS = 40
"""Beyond this the whole column is drawn again."""


@dataclass(frozen=True, slots=True)
class Swap:
    """`do` is head (the card alone), whole (the step with its inside), gone, new, caption or ends (start and result).

    A new step comes behind the element `after`, or first inside the element `first_in`.
    """

    do: str
    step: Step | None = None
    id: str = ""
    after: str = ""
    first_in: str = ""
    way: Way | None = None


def changes(old: Column, new: Column) -> list[Swap] | None:
    """What to do to the page that shows `old`; None when drawing everything again is less work."""
    found = [*_sequence("seq", old.steps, new.steps)]
    if old.asks != new.asks or old.gives != new.gives:
        found.append(Swap("ends"))
    if len(found) > MOST_SWAPS:
        return None
    # What left one place may appear in another: it has to be gone before it comes again.
    return sorted(found, key=_order)


def _order(swap: Swap) -> int:
    return {"gone": 0, "whole": 1}.get(swap.do, 2)


def _sequence(place: str, old: Sequence[Step], new: Sequence[Step]) -> Iterator[Swap]:
    """Swaps inside the list element `place`."""
    matcher = SequenceMatcher(None, [step.id for step in old], [step.id for step in new], autojunk=False)
    for do, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if do == "equal":
            for before, after in zip(old[old_from:old_to], new[new_from:new_to], strict=True):
                yield from _step(before, after)
            continue
        for step in old[old_from:old_to]:
            yield Swap("gone", id=f"step-{step.id}")
        for index in range(new_from, new_to):
            yield _inserted(place, new, index)


def _inserted(place: str, new: Sequence[Step], index: int) -> Swap:
    if index == 0:
        return Swap("new", new[0], first_in=place)
    return Swap("new", new[index], after=f"step-{new[index - 1].id}")


def _step(old: Step, new: Step) -> Iterator[Swap]:
    if old == new:
        return
    if [way.name for way in old.ways] != [way.name for way in new.ways]:
        yield Swap("whole", new)
        return
    if old.head != new.head:
        yield Swap("head", new)
    for before, after in zip(old.ways, new.ways, strict=True):
        if (before.caption, before.can_go) != (after.caption, after.can_go):
            yield Swap("caption", way=after)
        yield from _sequence(f"seq-{after.key}", before.steps, after.steps)
