"""The leaves at which two values differ. Items of a list that carry a name are told apart by it, not by number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

NAMES = ("name", "label", "id", "title", "key")
"""What an item of a list may be known by, the first one that all items have."""


class Missing:
    """What stands where there is nothing; None is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf: `place` leads to it, ("labels", "neutral", "description"). `is_order`: only the order is another."""

    place: tuple[str, ...]
    before: Any
    after: Any
    is_order: bool = False


def same(before: Any, after: Any) -> bool:
    """As they are written: 1 is not true, and the order of names counts."""
    if before is MISSING or after is MISSING:
        return before is after
    return json.dumps(before) == json.dumps(after)


def changes(before: Any, after: Any, place: tuple[str, ...] = (), *, in_order: bool = True) -> Iterator[Change]:
    """Nothing for two same values. `in_order`: whether the order of the outermost names means anything."""
    if same(before, after):
        return
    if is_condition(before) or is_condition(after):
        yield Change(place, before, after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _in_mapping(before, after, place, in_order)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(before, after, place)
    else:
        yield Change(place, before, after)


def is_condition(value: Any) -> bool:
    """A condition is one sentence for a person, so it changes as a whole."""
    return isinstance(value, Mapping) and bool(value) and ("is" in value or set(value) <= {"all", "any"})


def _in_mapping(
    before: Mapping[str, Any], after: Mapping[str, Any], place: tuple[str, ...], in_order: bool
) -> Iterator[Change]:
    for name in {**after, **before}:
        yield from changes(before.get(name, MISSING), after.get(name, MISSING), (*place, name))
    kept = [name for name in before if name in after], [name for name in after if name in before]
    if in_order and kept[0] != kept[1]:
        yield Change(place, list(before), list(after), is_order=True)


def _in_list(before: list[Any], after: list[Any], place: tuple[str, ...]) -> Iterator[Change]:
    if name := _known_by(before, after):
        yield from _in_mapping(
            {item[name]: item for item in before}, {item[name]: item for item in after}, place, in_order=True
        )
    elif any(isinstance(item, Mapping | list) for item in (*before, *after)):
        yield from _by_number(before, after, place)
    else:
        yield Change(place, before, after, is_order=_sorted(before) == _sorted(after))


def _known_by(before: Sequence[Any], after: Sequence[Any]) -> str:
    return next((name for name in NAMES if _all_have(before, name) and _all_have(after, name)), "")


def _all_have(items: Sequence[Any], name: str) -> bool:
    found = [item.get(name) for item in items if isinstance(item, Mapping)]
    named = [each for each in found if isinstance(each, str) and each]
    return len(set(named)) == len(items)


def _by_number(before: list[Any], after: list[Any], place: tuple[str, ...]) -> Iterator[Change]:
    """Items without names: what was put in or taken out, and what stands changed in the place of another."""
    matcher = SequenceMatcher(None, _written(before), _written(after), autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        old, new = before[a:b], after[c:d]
        for index in range(max(len(old), len(new))):
            number = str((c if index < len(new) else a) + index + 1)
            yield from changes(_at(old, index), _at(new, index), (*place, number))


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else MISSING


def _written(items: list[Any]) -> list[str]:
    return [json.dumps(item) for item in items]


def _sorted(items: list[Any]) -> list[str]:
    return sorted(_written(items))
