"""Parameters whose choices the page loads: which a kind has, at any depth, and what a step says in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel

EACH = "*"
"""Stands in a place for every item of a list."""
Place = tuple[str, ...]


@lru_cache(maxsize=1024)
def sources_of(model: type[BaseModel]) -> tuple[tuple[Place, str], ...]:
    """Place → source, as `hint(source=…)` names it: ("then", "*", "person") → people."""
    found: list[tuple[Place, str]] = []
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("x-source"):
            found.append(((name,), str(extra["x-source"])))
        for inside, is_list in _models_in(field.annotation):
            step = (name, EACH) if is_list else (name,)
            found += [((*step, *place), source) for place, source in sources_of(inside)]
    return tuple(found)


def chosen(given: Mapping[str, Any], model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Dotted place, source and text wherever such a parameter says something: `then.0.person`, people, ada@…"""
    for place, source in sources_of(model):
        for dotted, value in _at(given, place):
            if isinstance(value, str) and value.strip():
                yield dotted, source, value.strip()


def _models_in(annotation: Any, is_list: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models in a type, `list[Stage]` and `Stage | None` too, and whether there may be several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, is_list
    for inner in get_args(annotation):
        yield from _models_in(inner, is_list or getattr(annotation, "__origin__", None) is list)


def _at(value: Any, place: Place, before: str = "") -> Iterator[tuple[str, Any]]:
    if not place:
        yield before.lstrip("."), value
    elif place[0] == EACH:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _at(item, place[1:], f"{before}.{index}")
    elif isinstance(value, Mapping) and place[0] in value:
        yield from _at(value[place[0]], place[1:], f"{before}.{place[0]}")
