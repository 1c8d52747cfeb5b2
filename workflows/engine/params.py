"""From the words of a definition to the values of a run: Liquid text and typed references. Nothing is ever evaluated.

Source of the language: https://shopify.github.io/liquid/ as `python-liquid` speaks it, without include and render.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from workflows.engine import strict

Scope = Mapping[str, Any]
Reference = tuple[str | int, ...]

_SEGMENT = r"""[A-Za-z_][\w-]*|\d+"""
_WHOLE = re.compile(rf"^\s*\{{\{{-?\s*((?:{_SEGMENT})(?:\.(?:{_SEGMENT})|\[\d+\])*)\s*-?\}}\}}\s*$")
_STEP = re.compile(r"[A-Za-z_][\w-]*|\d+")


class BadText(ValueError):
    """A text or reference that cannot be rendered; the message is a sentence for a person."""


class _Language(Environment):
    """Every limit switched on: 42 nested loops end with a sentence, not with the worker."""

    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = 100_000
    local_namespace_limit = 2_000_000
    output_stream_limit = 1_000_000


def _language() -> Environment:
    language = _Language(undefined=StrictUndefined, strict_filters=True)
    for tag in ("include", "render", "extends", "block", "macro", "call", "ifchanged"):
        language.tags.pop(tag, None)
    language.add_filter("json", lambda value: json.dumps(value, ensure_ascii=False))
    language.add_filter("cell", lambda value: " ".join(str("" if value is None else value).split()).replace("|", "\\|"))
    return language


LANGUAGE = _language()


def render(value: Any, scope: Scope) -> Any:
    """Render every text inside the value; a text that is one whole reference becomes the value itself.

    Values are inserted once and never parsed again. Raises BadText.
    """
    if isinstance(value, str):
        return _render_text(value, scope)
    if isinstance(value, Mapping):
        return {name: render(item, scope) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, scope) for item in value]
    return value


def references(value: Any) -> set[Reference]:
    """Every place in the run that the value reads: ("steps", "tone", "label"). Raises BadText for broken text."""
    return {reference for text in _texts(value) for reference in _references_of(text)}


@lru_cache(maxsize=4096)
def occurrences(text: str) -> tuple[tuple[int, Reference], ...]:
    """Where each reference starts in the text, as (position, reference). Raises BadText for broken text."""
    try:
        found = _parsed(text).analyze().globals.values()
    except LiquidError as error:
        raise BadText(_sentence(error)) from None
    return tuple((one.span.index, _plain_parts(one.segments)) for group in found for one in group)


def _plain_parts(segments: Iterable[Any]) -> Reference:
    """A part that is a reference itself (`steps[inputs.which]`) has no name: an empty text stands for it."""
    return tuple(part if isinstance(part, str | int) else "" for part in segments)


def check(value: Any) -> str:
    """What is wrong with the text as it is written, or nothing."""
    try:
        references(value)
    except BadText as error:
        return str(error)
    return ""


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if is_template(value):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


@lru_cache(maxsize=4096)
def whole_reference(text: str) -> Reference | None:
    """`{{ steps.tone.label }}` → ("steps", "tone", "label"); None where there is more than the reference."""
    match = _WHOLE.match(text)
    if match is None:
        return None
    return tuple(int(part) if part.isdigit() else part for part in _STEP.findall(match[1]))


@lru_cache(maxsize=4096)
def _references_of(text: str) -> frozenset[Reference]:
    if (whole := whole_reference(text)) is not None:
        return frozenset({whole})
    try:
        segments = _parsed(text).global_variable_segments()
    except LiquidError as error:
        raise BadText(_sentence(error)) from None
    return frozenset(tuple(part for part in found if isinstance(part, str | int)) for found in segments)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> BoundTemplate:
    if len(text) > 1_000_000:
        raise BadText("The text is longer than 1,000,000 characters.")
    try:
        return LANGUAGE.from_string(text)
    except LiquidError as error:
        raise BadText(_sentence(error)) from None
    except RecursionError:
        raise BadText("The text nests too deeply to be read.") from None


def _render_text(text: str, scope: Scope) -> Any:
    if not is_template(text):
        return text
    if (whole := whole_reference(text)) is not None:
        return look_up(whole, scope)
    template = _parsed(text)
    try:
        return template.render({name: _readable(value) for name, value in scope.items()})
    except LiquidError as error:
        raise BadText(_sentence(error)) from None
    except (RecursionError, ArithmeticError, TypeError, ValueError, MemoryError) as error:
        raise BadText(f"The text cannot be rendered: {strict.legible(str(error), 200)}") from None


class _Readable(dict[str, Any]):
    """The scope as Liquid sees it: a mapping inside a text reads as JSON, not as Python."""

    def __getitem__(self, name: str) -> Any:
        return _readable(super().__getitem__(name))

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Readable(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value


def look_up(reference: Reference, scope: Scope) -> Any:
    """The value at the reference, with its type. Raises BadText naming the part that is not there."""
    value: Any = scope
    for depth, part in enumerate(reference):
        if value is None and depth > 2:
            return None
        try:
            value = _member(value, part)
        except (KeyError, IndexError, TypeError):
            known = ".".join(map(str, reference[:depth])) or "this place"
            raise BadText(f'There is no "{part}" in {known}.') from None
    return value


def _member(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value[str(part)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if part in ("first", "last"):
            return value[0 if part == "first" else -1] if value else None
        if part == "size":
            return len(value)
        return value[int(part)]
    raise TypeError(part)


def _sentence(error: LiquidError) -> str:
    message = strict.legible(str(error).split("\n")[0], 300)
    return f"The text cannot be rendered: {message}."
