"""Strict text and JSON: what may enter, be stored and come out again unchanged (rule E21)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

LARGEST_INT = 2**63 - 1
DEEPEST = 100


class NotStrict(ValueError):
    """A value we do not store; the message names the place and the reason."""


def loads(text: str | bytes) -> Any:
    """Parse JSON that means the same to everybody.

    Raises NotStrict for anything but UTF-8 without a mark, duplicate names, NaN, infinities, integers over 2^63, NUL,
    lone surrogates and nesting deeper than 100.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise NotStrict(f"the text is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise NotStrict(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotStrict(f"nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise error if isinstance(error, NotStrict) else NotStrict(f"not JSON: {error}") from None
    check(value)
    return value


def check(value: Any, place: str = "", depth: int = 0) -> None:
    """Raises NotStrict unless the value consists of JSON's own types and can be stored as it is."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return check_text(value, place)
    if isinstance(value, int):
        if abs(value) > LARGEST_INT:
            raise NotStrict(f"{_at(place)} is a number over 2^63")
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotStrict(f"{_at(place)} is not a finite number")
        return None
    if depth >= DEEPEST:
        raise NotStrict(f"{_at(place)} is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return _check_mapping(value, place, depth)
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check(item, f"{place}[{index}]", depth + 1)
        return None
    raise NotStrict(f"{_at(place)} is a {type(value).__name__}, which has no JSON form")


def check_text(text: str, place: str = "") -> None:
    """Raises NotStrict for NUL and for lone surrogates."""
    if "\x00" in text:
        raise NotStrict(f"{_at(place)} holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrict(f"{_at(place)} holds half a character (a lone surrogate)") from None


def legible(text: str, most: int = 8_000) -> str:
    """Any text made fit to store and show: no NUL, no lone surrogates, at most `most` characters."""
    clean = text[:most].replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return clean if len(text) <= most else f"{clean}… ({len(text):,} characters in all)"


def _check_mapping(value: Mapping[Any, Any], place: str, depth: int) -> None:
    for name, item in value.items():
        if not isinstance(name, str):
            raise NotStrict(f"{_at(place)} has a name that is not text")
        check_text(name, place)
        check(item, f"{place}.{name}" if place else name, depth + 1)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise NotStrict(f"the name {twice!r} occurs twice")
    return found


def _constant(name: str) -> Any:
    raise NotStrict(f"{name} is not a JSON number")


def _at(place: str) -> str:
    return legible(place, 200) or "the value"
