"""What a step would have done, said and given without doing it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from connectors.sdk.shown import readable

LONGEST_VALUE = 2_000
DEEPEST = 6

_BRACES = re.compile(r"\{(\w+)\}")
_MADE: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}, "null": None}
_TEXTS: Mapping[str, str] = {"date": "2027-01-31", "date-time": "2027-01-31T09:00:00Z", "uri": "https://example.com/"}


def would(reads_as: str, params: Any) -> str:
    """“Send {text} to {channel}” and its values → “Would send “Good morning” to “press””."""
    said = _BRACES.sub(lambda found: f"“{_shown(getattr(params, found[1], ''))}”", reads_as)
    return f"Would {said[:1].lower()}{said[1:]}"


def made(output: type[BaseModel]) -> BaseModel | dict[str, Any]:
    """What the step might have given: the defaults, else the first choice, else a plain value of each field's type."""
    schema = output.model_json_schema()
    value = _value(schema, schema.get("$defs", {}), "", DEEPEST)
    try:
        return output.model_validate(value)
    except ValidationError:
        return dict(value)


def _value(schema: Mapping[str, Any], known: Mapping[str, Any], name: str, depth: int) -> Any:
    if "$ref" in schema:
        schema = known.get(str(schema["$ref"]).rpartition("/")[2], {})
    if "default" in schema:
        return schema["default"]
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    if choices := schema.get("anyOf"):
        return _value(choices[0], known, name, depth)
    if schema.get("type") == "object" and depth:
        fields = schema.get("properties", {})
        return {field: _value(inner, known, field, depth - 1) for field, inner in fields.items()}
    if schema.get("type") == "string":
        return _TEXTS.get(schema.get("format", ""), f"({name.replace('_', ' ') or 'a text'})")
    return _MADE.get(schema.get("type", "null"))


def _shown(value: Any) -> str:
    text = readable(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
