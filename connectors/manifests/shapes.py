"""From a JSON Schema of a stranger to what a form can ask for. Pure.

What a form cannot show (a choice between structures, a list of structures, something nested without end) is asked for
as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.manifests.manifest import Asked
from connectors.manifests.references import Document, Unresolved
from connectors.manifests.wording import identifier, plain, sentence, spoken

MOST_IN_GROUP = 15
MOST_CHOICES = 200
DEEPEST = 2
LONGEST_TEXT = 100_000
LONG_FROM = 500
LONG_NAMES = frozenset({"body", "comment", "content", "description", "html", "message", "note", "summary", "text"})
_NUMBERS = {"integer": "integer", "number": "number"}


@dataclass(frozen=True, slots=True)
class Shapes:
    """Reads the schemas of one document."""

    document: Document

    def merged(self, schema: Any, above: frozenset[str] = frozenset()) -> tuple[dict[str, Any], frozenset[str]]:
        """References looked up, `allOf` put together, “or null” left out; and the references passed on the way.

        A schema that contains itself is `{}`: anything. Raises Unresolved.
        """
        if isinstance(schema, bool):
            return {}, above
        part, reference = self.document.followed(schema)
        if reference in above:
            return {}, above
        above = above | {reference} if reference else above
        found = dict(part)
        for inner in _list(found.pop("allOf", None)):
            more, above = self.merged(inner, above)
            found = _both(more, found)
        found["type"] = _only_type(found.get("type"))
        for way in ("oneOf", "anyOf"):
            ways = [each for each in _list(found.get(way)) if not _is_null(each)]
            if len(ways) == 1:
                more, above = self.merged(ways[0], above)
                found = _both(more, {name: value for name, value in found.items() if name != way})
        if "properties" in found and not found.get("type"):
            found["type"] = "object"
        return found, above

    def fields(self, schema: Mapping[str, Any], place: str, taken: set[str], above: frozenset[str]) -> list[Asked]:
        """One for every property that can be sent."""
        needed = set(map(str, _list(schema.get("required"))))
        found = []
        for name, inner in _mapping(schema.get("properties")).items():
            asked = self.asked(str(name), inner, place=place, needed=str(name) in needed, taken=taken, above=above)
            if asked is not None:
                found.append(asked)
        return found

    def asked(
        self,
        name: str,
        schema: Any,
        *,
        place: str,
        needed: bool,
        taken: set[str],
        above: frozenset[str] = frozenset(),
        depth: int = 0,
        about: str = "",
    ) -> Asked | None:
        """None for what only the service may set."""
        try:
            part, above = self.merged(schema, above)
        except Unresolved as why:
            part, about = {}, f"{sentence(about)} Its description is missing: {why}.".strip()
        if part.get("readOnly") is True:
            return None
        field = identifier(name, taken, 60)
        taken.add(field)
        told = {
            "field": field,
            "name": name,
            "place": place,
            "needed": needed,
            "title": spoken(name) if place != "whole" else "Body",
            "about": sentence(plain(about or part.get("description"), 200)),
            "example": _example(part),
        }
        return Asked(**{**told, **self._type(name, part, above, depth)})

    def _type(self, name: str, part: Mapping[str, Any], above: frozenset[str], depth: int) -> dict[str, Any]:
        choices = [each for each in _list(part.get("enum")) if _is_scalar(each)]
        kind = part.get("type")
        if kind == "boolean":
            return {"type": "yes_no"}
        if choices and len(choices) <= MOST_CHOICES and kind in (None, "string", "integer", "number"):
            return {"type": "choice", "choices": tuple(dict.fromkeys(choices))}
        if kind in _NUMBERS:
            return {"type": _NUMBERS[kind], **_bounds(part)}
        if kind == "string":
            return _text(name, part)
        if kind == "array":
            return self._list(part, above)
        if kind == "object" and depth < DEEPEST:
            return self._group(part, above, depth)
        ways = _list(part.get("oneOf")) or _list(part.get("anyOf"))
        if kind is None and ways and all(self._is_plain(each, above) for each in ways):
            return {"type": "text", "longest": LONGEST_TEXT}
        return {"type": "json"}

    def _list(self, part: Mapping[str, Any], above: frozenset[str]) -> dict[str, Any]:
        try:
            inner, _ = self.merged(part.get("items", {}), above)
        except Unresolved:
            inner = {}
        items = {"string": "text", **_NUMBERS}.get(str(inner.get("type")))
        if items is None or inner.get("format") == "binary":
            return {"type": "json"}
        return {"type": "list", "items": items, "shortest": _whole(part.get("minItems")), "longest": _most_items(part)}

    def _group(self, part: Mapping[str, Any], above: frozenset[str], depth: int) -> dict[str, Any]:
        named = _mapping(part.get("properties"))
        if not 0 < len(named) <= MOST_IN_GROUP or part.get("additionalProperties") not in (None, False):
            return {"type": "json"}
        needed, taken = set(map(str, _list(part.get("required")))), set[str]()
        found = [
            self.asked(
                str(name), inner, place="body", needed=str(name) in needed, taken=taken, above=above, depth=depth + 1
            )
            for name, inner in named.items()
        ]
        parts = tuple(each for each in found if each is not None)
        return {"type": "group", "parts": parts} if parts else {"type": "json"}

    def _is_plain(self, schema: Any, above: frozenset[str]) -> bool:
        try:
            part, _ = self.merged(schema, above)
        except Unresolved:
            return False
        return part.get("type") in ("string", "integer", "number")


def _text(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    form = part.get("format")
    if form in ("binary", "base64url-file"):
        return {"type": "file"}
    if form == "date":
        return {"type": "date"}
    most = _whole(part.get("maxLength"))
    is_long = (most or 0) > LONG_FROM or (most is None and str(name).lower() in LONG_NAMES)
    least = _whole(part.get("minLength"))
    return {"type": "long_text" if is_long else "text", "shortest": least or None, "longest": most}


def _bounds(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"least": _number(part.get("minimum")), "most": _number(part.get("maximum"))}


def _most_items(part: Mapping[str, Any]) -> int | None:
    most = _whole(part.get("maxItems"))
    return most if most else None


def _number(given: Any) -> float | None:
    is_one = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if is_one and abs(given) < 1e15 else None


def _whole(given: Any) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 10**9 else None


def _example(part: Mapping[str, Any]) -> str:
    given = part.get("example")
    if given is None and _list(part.get("examples")):
        given = part["examples"][0]
    return plain(str(given), 80) if _is_scalar(given) and not isinstance(given, bool) else ""


def _only_type(given: Any) -> str | None:
    """`["string", "null"]` is a text; several real types are anything."""
    named = [each for each in (given if isinstance(given, list) else [given]) if each not in (None, "null")]
    return str(named[0]) if len(named) == 1 else None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _is_scalar(given: Any) -> bool:
    return isinstance(given, str | int | float) and not isinstance(given, bool)


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two schemas that both hold."""
    found = {**one, **{name: value for name, value in other.items() if value is not None}}
    if one.get("properties") or other.get("properties"):
        found["properties"] = {**_mapping(one.get("properties")), **_mapping(other.get("properties"))}
    if one.get("required") or other.get("required"):
        found["required"] = [*_list(one.get("required")), *_list(other.get("required"))]
    return found


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
