"""What an operation gives, as far as it is described: a small JSON Schema for the data picker. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.manifests.references import Unresolved
from connectors.manifests.shapes import Shapes
from connectors.manifests.wording import plain, spoken

DEEPEST = 3
MOST_FIELDS = 40
_PLAIN = frozenset({"string", "integer", "number", "boolean"})


def answer_of(responses: Any, shapes: Shapes) -> tuple[dict[str, Any], str]:
    """Of the first good answer in JSON, and its media type; `({}, "")` where none is described."""
    for status in sorted(map(str, responses)) if isinstance(responses, Mapping) else ():
        if not status.startswith("2") and status != "default":
            continue
        try:
            part, _ = shapes.document.followed(responses.get(status, responses.get(_number(status))))
        except Unresolved:
            continue
        content = part.get("content")
        for media, each in content.items() if isinstance(content, Mapping) else ():
            if is_json(str(media)) and isinstance(each, Mapping):
                return _small(each.get("schema", {}), shapes, frozenset(), 0), str(media)
    return {}, ""


def is_json(media: str) -> bool:
    media = media.partition(";")[0].strip().lower()
    return media in ("application/json", "*/*", "text/json") or media.endswith("+json")


def _small(schema: Any, shapes: Shapes, above: frozenset[str], depth: int) -> dict[str, Any]:
    try:
        part, above = shapes.merged(schema, above)
    except Unresolved:
        return {}
    kind = part.get("type")
    if kind in _PLAIN:
        return {"type": kind}
    if depth >= DEEPEST:
        return {"type": kind} if kind in ("array", "object") else {}
    if kind == "array":
        return {"type": "array", "items": _small(part.get("items", {}), shapes, above, depth + 1)}
    properties = part.get("properties")
    if not isinstance(properties, Mapping):
        return {"type": "object"} if kind == "object" else {}
    named = list(properties.items())[:MOST_FIELDS]
    fields = {str(name): _field(str(name), each, shapes, above, depth) for name, each in named}
    return {"type": "object", "properties": fields}


def _field(name: str, schema: Any, shapes: Shapes, above: frozenset[str], depth: int) -> dict[str, Any]:
    about = plain(schema.get("description"), 120) if isinstance(schema, Mapping) and depth == 0 else ""
    told = {"title": spoken(name), **({"description": about} if about else {})} if depth == 0 else {}
    return {**_small(schema, shapes, above, depth + 1), **told}


def _number(status: str) -> Any:
    return int(status) if status.isdigit() else status
