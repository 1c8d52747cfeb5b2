"""Conditions are data: rows of value, operator and comparison value, joined by all or any, nested once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from workflows.engine import params

Test = Callable[[Any, Any], bool]


class BadCondition(ValueError):
    """A condition that cannot be read; the message names the row."""


def holds(condition: Mapping[str, Any], scope: params.Scope) -> bool:
    """Whether the condition is true here. Raises BadCondition, params.BadText."""
    if "all" in condition:
        return all(holds(part, scope) for part in condition["all"])
    if "any" in condition:
        return any(holds(part, scope) for part in condition["any"])
    test = OPERATORS.get(condition.get("is", ""))
    if test is None:
        raise BadCondition(f"{condition.get('is')!r} is not an operator")
    return test(params.render(condition.get("value"), scope), params.render(condition.get("to"), scope))


def problems(condition: Any, depth: int = 0) -> Iterator[str]:
    """What is wrong with the condition as it is written."""
    if not isinstance(condition, Mapping):
        yield "a condition is a row (value, is, to) or a group (all or any)"
        return
    groups = [name for name in ("all", "any") if name in condition]
    if groups:
        yield from _group_problems(condition, groups, depth)
        return
    if condition.get("is") not in OPERATORS:
        yield f"{condition.get('is')!r} is not an operator; known are {', '.join(OPERATORS)}"
    if extra := set(condition) - {"value", "is", "to"}:
        yield f"a row has no {', '.join(sorted(map(str, extra)))}"
    if "value" not in condition:
        yield "the row names no value to look at"


def _group_problems(condition: Mapping[str, Any], groups: list[str], depth: int) -> Iterator[str]:
    if len(condition) > 1:
        yield f"a group has nothing beside {groups[0]}"
    if depth > 1:
        yield "groups are nested once at most"
        return
    rows = condition[groups[0]]
    if not isinstance(rows, list) or len(rows) > 50:
        yield f"{groups[0]} holds a list of at most 50 rows"
        return
    for row in rows:
        yield from problems(row, depth + 1)


def _plain(value: Any) -> Any:
    """Text without regard to case and outer space; a text that is a number counts as the number."""
    if isinstance(value, str):
        text = value.strip().casefold()
        number = _number(text)
        return text if number is None else number
    return value


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) and value.strip()[:1] in "+-.0123456789" else None
    except ValueError:
        return None


def _is_empty(value: Any, _: Any = None) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, Sequence | Mapping) and not value)


def _equal(value: Any, to: Any) -> bool:
    if isinstance(value, bool) or isinstance(to, bool):
        return _truth(value) is _truth(to)
    return bool(_plain(value) == _plain(to))


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().casefold())
    return value if isinstance(value, bool) else None


def _contains(value: Any, to: Any) -> bool:
    if isinstance(value, Mapping):
        return str(to) in value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_equal(item, to) for item in value)
    return str(to).strip().casefold() in str(value if value is not None else "").casefold()


def _one_of(value: Any, to: Any) -> bool:
    among = to if isinstance(to, list) else str(to).split(",")
    return any(_equal(value, item) for item in among)


def _order(wanted: Callable[[Any, Any], bool]) -> Test:
    def test(value: Any, to: Any) -> bool:
        left, right = _number(value), _number(to)
        return left is not None and right is not None and wanted(left, right)

    return test


def _dates(wanted: Callable[[Any, Any], bool]) -> Test:
    def test(value: Any, to: Any) -> bool:
        left, right = _day(value), _day(to)
        return left is not None and right is not None and wanted(left, right)

    return test


def _day(value: Any) -> str | None:
    """ISO date or date and time → text that sorts by time; both forms compare by their day when one has no time."""
    try:
        return (
            datetime.fromisoformat(str(value)).date().isoformat()
            if "T" in str(value)
            else date.fromisoformat(str(value).strip()).isoformat()
        )
    except ValueError:
        return None


def _starts(value: Any, to: Any) -> bool:
    return str(value or "").casefold().startswith(str(to).casefold())


def _ends(value: Any, to: Any) -> bool:
    return str(value or "").casefold().endswith(str(to).casefold())


OPERATORS: dict[str, Test] = {
    "equal": _equal,
    "not_equal": lambda value, to: not _equal(value, to),
    "contains": _contains,
    "not_contains": lambda value, to: not _contains(value, to),
    "starts_with": _starts,
    "ends_with": _ends,
    "is_empty": _is_empty,
    "is_not_empty": lambda value, to: not _is_empty(value),
    "greater": _order(lambda left, right: left > right),
    "at_least": _order(lambda left, right: left >= right),
    "less": _order(lambda left, right: left < right),
    "at_most": _order(lambda left, right: left <= right),
    "before": _dates(lambda left, right: left < right),
    "after": _dates(lambda left, right: left > right),
    "one_of": _one_of,
    "not_one_of": lambda value, to: not _one_of(value, to),
    "is_true": lambda value, to: _truth(value) is True,
    "is_false": lambda value, to: _truth(value) is False,
}
