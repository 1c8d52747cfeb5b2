"""The OpenAPI document as the page for people reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIRST = ("workflows", "runs", "tasks", "files")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """One name that is sent or given. `type` in words; `says` in pieces, of which every second is code."""

    name: str
    type: str
    is_needed: bool
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """`sent`: fields of the body. `given`: fields of the answer, or none where it is no object."""

    id: str
    method: str
    parts: tuple[str, ...]
    summary: str
    says: tuple[str, ...]
    parameters: tuple[Field, ...]
    sent: tuple[Field, ...]
    sent_type: str
    given: tuple[Field, ...]
    given_type: str
    status: str
    refusals: tuple[str, ...]


def groups_of(document: Mapping[str, Any]) -> list[tuple[str, list[Operation]]]:
    """First part of the path → its operations, what is used most first."""
    groups: dict[str, list[Operation]] = {group: [] for group in FIRST}
    for path, methods in document["paths"].items():
        group = path.split("/")[3]
        groups.setdefault(group, []).extend(
            _operation(document, path, method, methods[method]) for method in METHODS if method in methods
        )
    return list(groups.items())


def _operation(document: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any]) -> Operation:
    status = next(code for code in said["responses"] if code.startswith("2"))
    sent_type, sent = _first(said.get("requestBody", {}).get("content", {}))
    given_type, given = _first(said["responses"][status].get("content", {}))
    return Operation(
        id=said["operationId"],
        method=method.upper(),
        parts=tuple(path.strip("/").split("/")),
        summary=said["summary"],
        says=() if said["description"] == f"{said['summary']}." else _pieces(said["description"]),
        parameters=tuple(_parameter(document, each) for each in said.get("parameters", [])),
        sent=_fields(document, sent),
        sent_type=sent_type,
        given=_fields(document, given),
        given_type=given_type,
        status=status,
        refusals=tuple(code for code in said["responses"] if not code.startswith("2")),
    )


def _first(content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    for kind, held in content.items():
        return kind, held.get("schema", {})
    return "", {}


def _parameter(document: Mapping[str, Any], said: Mapping[str, Any]) -> Field:
    kind = f"{_type(document, said.get('schema', {}))}, {said['in']}"
    return Field(said["name"], kind, bool(said.get("required")), _pieces(said.get("description", "")))


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Field, ...]:
    schema = _followed(document, schema)
    needed = schema.get("required", [])
    return tuple(
        Field(name, _type(document, field), name in needed, _pieces(field.get("description", "")))
        for name, field in schema.get("properties", {}).items()
    )


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(text.split("`"))


def _followed(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _type(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """In words: text, whole number, list of Step, one of live or test, text or nothing."""
    if "$ref" in schema:
        found = _followed(document, schema)
        return _type(document, found) if "enum" in found else str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(_type(document, choice) for choice in choices)
    if schema.get("type") == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return _WORDS.get((schema.get("type"), schema.get("format")), _WORDS.get((schema.get("type"), None), "anything"))


_WORDS: Mapping[tuple[Any, Any], str] = {
    ("string", None): "text",
    ("string", "date-time"): "time",
    ("string", "binary"): "file",
    ("integer", None): "whole number",
    ("number", None): "number",
    ("boolean", None): "true or false",
    ("object", None): "object",
    ("null", None): "null",
}
