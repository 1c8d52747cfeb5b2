"""Conditions as rows: what is looked at, an operator that follows its type, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from connectors.forms.fields import GROUP, Choice, Field, Row, with_prefix

ALONE = frozenset({"is_empty", "is_not_empty", "is_true", "is_false"})
"""Operators that need nothing to hold against."""

NUMBERS = frozenset({"greater", "at_least", "less", "at_most"})

OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "string": (
        *("equal", "not_equal", "contains", "not_contains", "starts_with", "ends_with", "one_of", "not_one_of"),
        *("is_empty", "is_not_empty"),
    ),
    "number": ("equal", "not_equal", "greater", "at_least", "less", "at_most", "is_empty", "is_not_empty"),
    "boolean": ("is_true", "is_false"),
    "date": ("before", "after", "equal", "not_equal", "is_empty", "is_not_empty"),
    "array": ("contains", "not_contains", "is_empty", "is_not_empty"),
    "object": ("contains", "not_contains", "is_empty", "is_not_empty"),
    "file": ("is_empty", "is_not_empty"),
}
"""JSON type (and `date`) → operators that make sense; an unknown type offers all of them."""


def operator_words() -> dict[str, str]:
    return {
        "equal": _("is"),
        "not_equal": _("is not"),
        "contains": _("contains"),
        "not_contains": _("does not contain"),
        "starts_with": _("starts with"),
        "ends_with": _("ends with"),
        "is_empty": _("is empty"),
        "is_not_empty": _("is not empty"),
        "greater": _("is greater than"),
        "at_least": _("is at least"),
        "less": _("is less than"),
        "at_most": _("is at most"),
        "before": _("is before"),
        "after": _("is after"),
        "one_of": _("is one of"),
        "not_one_of": _("is none of"),
        "is_true": _("is true"),
        "is_false": _("is false"),
    }


def condition_parts() -> tuple[Field, ...]:
    """The three fields of a row."""
    offered = tuple(Choice(name, words) for name, words in operator_words().items())
    return (
        Field("value", _("What to look at"), "text", required=True, takes_data=True),
        Field("is", _("How"), "choice", required=True, choices=offered, value="equal", default="equal"),
        Field("to", _("Compared with"), "text", takes_data=True),
    )


def with_condition(asked: Field, condition: Any) -> Field:
    """The field showing a condition as it is written; a single row counts as a group of one."""
    mode, rows = _rows_of(condition)
    return replace(asked, mode=mode, rows=tuple(_row(asked, str(index), row) for index, row in enumerate(rows)))


def _rows_of(condition: Any) -> tuple[str, list[Any]]:
    if not isinstance(condition, Mapping) or not condition:
        return "all", []
    for mode in ("all", "any"):
        if mode in condition:
            return mode, condition[mode] if isinstance(condition[mode], list) else []
    return "all", [condition]


def _row(asked: Field, index: str, written: Any) -> Row:
    place = f"{asked.key}-{index}"
    if isinstance(written, Mapping) and ("all" in written or "any" in written):
        inner = replace(asked, name=place, prefix="", label=GROUP, error="", rows=(), required=False)
        return Row(index, group=with_condition(inner, written))
    given = written if isinstance(written, Mapping) else {"value": written}
    value, operator, to = with_prefix(asked.row_parts, f"{place}-")
    return Row(
        index,
        (
            replace(value, value=as_text(given.get("value"))),
            replace(operator, value=str(given.get("is", "equal"))),
            replace(to, value=as_text(given.get("to"))),
        ),
    )


def as_text(side: Any) -> str:
    """A side of a comparison as it is typed: a list of plain values with commas."""
    if isinstance(side, bool):
        return "true" if side else "false"
    if isinstance(side, list):
        return ", ".join(as_text(item) for item in side)
    return "" if side is None else str(side)


def condition_of(asked: Field) -> dict[str, Any] | None:
    """What the rows say, as a definition writes it; None where they say nothing."""
    rows = [_written(row) for row in asked.rows if not row.is_empty]
    return {asked.mode: [row for row in rows if row is not None]} if rows else None


def _written(row: Row) -> dict[str, Any] | None:
    if row.group is not None:
        return condition_of(row.group)
    operator = str(row.operator.value or "equal")
    written: dict[str, Any] = {"value": str(row.value.value), "is": operator}
    if operator not in ALONE:
        written["to"] = _side(str(row.to.value), operator)
    return written


def _side(text: str, operator: str) -> Any:
    """A number where numbers are compared; everything else stays the text that was typed."""
    if operator not in NUMBERS:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


__all__ = ["ALONE", "OF_TYPE", "as_text", "condition_of", "condition_parts", "operator_words", "with_condition"]
