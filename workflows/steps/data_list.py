"""Work on a list: keep some items, bring them into order, take the first few, drop repeats, make a list from a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from connectors.sdk import Action, BadParams, Done, Field, Model, StepContext, StepError, hint

Operation = Literal["filter", "sort", "limit", "unique", "split"]
NEEDS = {"filter": ("where", "a condition"), "limit": ("limit", "how many items to keep")}
MISSING = object()


class WorkOnList(Action):
    """Filter, sort, shorten or tidy a list, or make one from a text. Nothing is sent to an AI."""

    kind = "data.list"
    title = "Work on a list"
    reads_as = "{operation} {items}"
    local = True
    icon = "list-details"
    unrendered = ("where",)

    class Params(Model):
        operation: Operation = Field(
            title="What to do",
            description="One thing per step; put several steps in a row for more.",
            json_schema_extra=hint(
                "choice",
                example="Filter",
                labels={
                    "filter": "Filter: keep the items that fit",
                    "sort": "Sort: bring them into order",
                    "limit": "Limit: keep the first ones",
                    "unique": "Unique: drop repeats",
                    "split": "Split: make a list from a text",
                },
            ),
        )
        items: Any = Field(
            title="List",
            description="Usually the list of an earlier step; to split, a text.",
            json_schema_extra=hint("list", example="{{ steps.rows.rows }}"),
        )
        where: dict[str, Any] | None = Field(
            default=None,
            title="Keep items where",
            description="Each item is looked at by itself; it is called item.",
            json_schema_extra=hint(
                "conditions", example="{{ item.score }} is at least 3", when={"operation": ["filter"]}
            ),
        )
        by: str = Field(
            default="",
            max_length=200,
            title="Field",
            description="Which field of the items to compare; leave it empty to compare the items themselves.",
            json_schema_extra=hint("text", example="author.name", when={"operation": ["sort", "unique"]}),
        )
        descending: bool = Field(
            default=False,
            title="Largest first",
            description="Otherwise the smallest, the earliest or A comes first.",
            json_schema_extra=hint("switch", when={"operation": ["sort"]}),
        )
        limit: int | None = Field(
            default=None,
            ge=0,
            title="How many",
            description="So many items are kept, from the first on.",
            json_schema_extra=hint("number", example="10", when={"operation": ["limit"]}),
        )
        separator: str = Field(
            default="",
            max_length=20,
            title="Separator",
            description="What stands between the items; leave it empty for one item per line.",
            json_schema_extra=hint("text", example=";", when={"operation": ["split"]}),
        )

    class Output(Model):
        items: list[Any] = Field(title="Items")
        count: int = Field(title="Number of items")

    def run(self, params: Params, ctx: StepContext) -> Done:
        _demand(params)
        items = self._worked(params, ctx)
        return Done(self.Output(items=items, count=len(items)), summary=f"{len(items)} items")

    def _worked(self, params: Params, ctx: StepContext) -> list[Any]:
        if params.operation == "split":
            return split(_a_text(params.items), params.separator)
        items = _a_list(params.items)
        match params.operation:
            case "filter":
                return filtered(items, lambda item: ctx.holds(params.where, item=item))
            case "sort":
                return in_order(items, params.by, descending=params.descending)
            case "unique":
                return unique(items, params.by)
            case _:
                return items[: params.limit]

    @classmethod
    def names_inside(cls, given: Mapping[str, Any]) -> tuple[str, ...]:
        return ("item",)

    @classmethod
    def names_sampled(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        items = given.get("items")
        return {"item": items[0]} if isinstance(items, list) and items else {}

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        field, what = NEEDS.get(str(given.get("operation")), ("", ""))
        if field and given.get(field) is None:
            return {field: f"To {given['operation']} a list, say {what}."}
        return {}


def filtered(items: Sequence[Any], holds: Callable[[Any], bool]) -> list[Any]:
    """The items for which `holds` says yes. Raises BadParams naming the item (from 1) that could not be judged."""
    return [item for number, item in enumerate(items, start=1) if _judged(number, item, holds)]


def in_order(items: Sequence[Any], by: str = "", *, descending: bool = False) -> list[Any]:
    """Sorted by the field at the path `by`, equal items as they came.

    Mixed types never fail: numbers come before texts, texts before no and yes, then lists, then mappings; `descending`
    turns that round. Upper and lower case are alike. Items whose field is missing or empty come last both ways.
    """
    found = [(value_at(item, by), item) for item in items]
    present = [(rank(value), item) for value, item in found if not _is_missing(value)]
    missing = [item for value, item in found if _is_missing(value)]
    present.sort(key=lambda pair: pair[0], reverse=descending)
    return [item for _, item in present] + missing


def unique(items: Sequence[Any], by: str = "") -> list[Any]:
    """The first item of each value at the path `by`; items without that field all stay. `1` and `1.0` are one value."""
    kept, seen = [], set()
    for item in items:
        value = value_at(item, by)
        key = rank(value)
        if _is_missing(value) or key not in seen:
            kept.append(item)
        seen.add(key)
    return kept


def split(text: str, separator: str = "") -> list[str]:
    """The parts of a text without the space around them; empty parts are dropped. No separator: one part per line."""
    parts = text.split(separator) if separator else text.splitlines()
    return [part.strip() for part in parts if part.strip()]


def value_at(item: Any, path: str) -> Any:
    """What stands at `author.name` or `rows.0` in an item; MISSING when there is no such place."""
    for name in path.split(".") if path else ():
        item = _part(item, name.strip())
    return item


def rank(value: Any) -> tuple[Any, ...]:
    """A key by which any two JSON values compare, equal only for the same value (`1` and `1.0` are the same)."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, not math.isnan(value), 0 if math.isnan(value) else value)
    if isinstance(value, str | date):
        return (1, str(value).casefold(), str(value))
    if isinstance(value, Mapping):
        return (4, *[(rank(str(name)), rank(value[name])) for name in sorted(value, key=str)])
    if isinstance(value, Sequence):
        return (3, *[rank(part) for part in value])
    return (5, str(value))


def _part(item: Any, name: str) -> Any:
    if isinstance(item, Mapping):
        return item.get(name, MISSING)
    if isinstance(item, list) and name.isascii() and name.isdigit() and int(name) < len(item):
        return item[int(name)]
    return MISSING


def _is_missing(value: Any) -> bool:
    return value is MISSING or value is None or value == ""


def _judged(number: int, item: Any, holds: Callable[[Any], bool]) -> bool:
    try:
        return holds(item)
    except (StepError, ValueError) as problem:
        raise BadParams(f"Item {number} of the list could not be judged: {problem}") from problem


def _demand(params: WorkOnList.Params) -> None:
    wrong = WorkOnList.check(dict(params))
    if wrong:
        raise BadParams(" ".join(wrong.values()), fields=wrong)


def _a_list(value: Any) -> list[Any]:
    if value is None:
        return []  # the step that gives the list did not run
    if isinstance(value, list | tuple):
        return list(value)
    sentence = f"This is {_said(value)}, not a list."
    if isinstance(value, str):
        sentence += " To make a list from a text, choose split."
    raise BadParams(sentence, fields={"items": sentence})


def _a_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    sentence = f"Only a text can be split; this is {_said(value)}."
    raise BadParams(sentence, fields={"items": sentence})


def _said(value: Any) -> str:
    names = {str: "a text", bool: "yes or no", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return names.get(type(value), "something else")
