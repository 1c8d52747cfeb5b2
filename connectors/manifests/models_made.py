"""What an operation takes, as the pydantic model that forms, the API and the checks of a draft know. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, create_model

from connectors.manifests.manifest import Asked
from connectors.sdk import FileRef, Model, hint

MOST_PLAIN = 8
"""So many of those that may be left out stand in the form at once; the rest is under “More”."""
YES_NO = {"yes": "Yes", "no": "No"}


class Whole(Model):
    """Base of a made `Params`: what an earlier step gives as a number may be a text there."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


def question(title: str, about: str, shown: dict[str, Any], **more: Any) -> Any:
    """A field of a form."""
    return Field(title=title, description=about, json_schema_extra=shown, **more)


def fields_of(asked: Sequence[Asked], destinations: Container[str] = ()) -> dict[str, Any]:
    """For `create_model`: name → type and field."""
    optional = [each.field for each in asked if not each.needed]
    late = set(optional[MOST_PLAIN:])
    goes = {each.field: "whole" if each.field in destinations else "" for each in asked}
    return {each.field: _field(each, each.field in late, goes[each.field]) for each in asked}


def _field(asked: Asked, advanced: bool, destination: str) -> tuple[Any, Any]:
    kind, widget, more = _type(asked, asked.needed)
    shown = hint(widget, example=asked.example, advanced=advanced, destination=destination, **more)
    about = asked.about or _where(asked)
    if asked.needed:
        return kind, question(asked.title, about, shown)
    return kind | None, question(asked.title, about, shown, default=None)


def _type(asked: Asked, needed: bool) -> tuple[Any, str, dict[str, Any]]:
    """Python's type, the widget, and what else the widget is told."""
    match asked.type:
        case "yes_no":
            words = Annotated[Literal["yes", "no"], BeforeValidator(_as_word)]
            return words, "choice", {"labels": YES_NO, **_as_there(needed)}
        case "choice":
            return _one_of(asked), "choice", _as_there(needed)
        case "integer":
            return Annotated[int, *_bounds(asked)], "number", {}
        case "number":
            return Annotated[float, *_bounds(asked)], "number", {}
        case "date":
            return Annotated[str, BeforeValidator(_as_date)], "date", {}
        case "list":
            return _list(asked, needed), "list", {}
        case "group":
            return _group(asked, needed), "", {}
        case "file":
            return FileRef, "file", {}
        case "json":
            return Annotated[Any, BeforeValidator(_as_value)], "json", {}
    return _text(asked, needed), asked.type, {}


def _as_there(needed: bool) -> dict[str, Any]:
    return {} if needed else {"nothing": "As the service has it"}


def _text(asked: Asked, needed: bool) -> Any:
    least = max(asked.shortest or 0, 1) if needed else None
    return Annotated[str, Field(min_length=least, max_length=asked.longest)]


def _bounds(asked: Asked) -> tuple[Any, ...]:
    return (Field(ge=asked.least, le=asked.most),) if (asked.least, asked.most) != (None, None) else (Field(),)


def _one_of(asked: Asked) -> Any:
    """What is chosen arrives as a text, also where the service knows numbers."""
    words = tuple(dict.fromkeys(str(each) for each in asked.choices))
    return Annotated[Literal[words], BeforeValidator(lambda given: str(given) if _is_number(given) else given)]


def _list(asked: Asked, needed: bool) -> Any:
    inner: Any = {"integer": int, "number": float}.get(asked.items, str)
    return Annotated[list[inner], Field(min_length=1 if needed else None, max_length=asked.longest)]


def _group(asked: Asked, needed: bool) -> Any:
    """Of one that may be left out nothing is needed: whether its parts belong together, the service says."""
    parts = asked.parts if needed else [each.model_copy(update={"needed": False}) for each in asked.parts]
    return create_model(f"Group_{asked.field}", __base__=Whole, **fields_of(parts))


def _where(asked: Asked) -> str:
    place = {"path": "the address", "query": "the question", "header": "a header"}.get(asked.place, "what is sent")
    return f"Goes into {place} as “{asked.name}”."


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _as_word(given: Any) -> Any:
    if isinstance(given, bool):
        return "yes" if given else "no"
    return {"true": "yes", "false": "no"}.get(given, given) if isinstance(given, str) else given


def _as_date(given: Any) -> Any:
    if isinstance(given, str):
        try:
            return date.fromisoformat(given[:10]).isoformat()
        except ValueError:
            raise ValueError("Write a date as year-month-day, for example 2026-03-31") from None
    return given


def _as_value(given: Any) -> Any:
    """What is written in a form is JSON text; what comes from an earlier step is already a value."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ValueError("This is not JSON: look for a missing quote or comma") from None
