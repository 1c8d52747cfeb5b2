"""What somebody has filled in, as the request that the service understands. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from connectors.manifests.manifest import Asked, Operation
from connectors.sdk import BadParams, FileRef

BOUNDARY = "tandem-d5b2c0f1a94e4d7f"
_HOLES = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """`path` with its question mark, below the service's address. `files`: name of the part → the file in it."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, FileRef] = field(default_factory=dict)


def prepared(operation: Operation, params: BaseModel) -> Prepared:
    """Raises BadParams for what cannot stand in an address."""
    said = {asked.field: sent(asked, getattr(params, asked.field)) for asked in operation.asked}
    given = [(asked, said[asked.field]) for asked in operation.asked if said[asked.field] is not None]
    query = [pair for asked, value in given if asked.place == "query" for pair in _pairs(asked, value)]
    path = _path(operation.path, {asked.name: (asked, value) for asked, value in given if asked.place == "path"})
    headers = {asked.name: _line(value) for asked, value in given if asked.place == "header"}
    if operation.accept:
        headers["Accept"] = operation.accept
    body = {asked.name: value for asked, value in given if asked.place == "body"}
    whole = next((value for asked, value in given if asked.place == "whole"), None)
    return Prepared(
        path=with_query(path, query),
        headers=headers,
        json=_json(operation, body, whole),
        form=tuple(_form(body)) if operation.body in ("form", "multipart") else (),
        files={asked.name: value for asked, value in given if isinstance(value, FileRef)},
    )


def with_query(path: str, query: list[tuple[str, str]]) -> str:
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query, quote_via=quote)}"


def sent(asked: Asked, value: Any) -> Any:
    """The value as the service knows it; None where nothing was said."""
    if value is None or value == "" or (asked.type == "list" and value == []):
        return None
    if asked.type == "yes_no":
        return value == "yes"
    if asked.type == "choice":
        return next((each for each in asked.choices if str(each) == value), value)
    if asked.type == "group":
        found = {part.name: sent(part, getattr(value, part.field)) for part in asked.parts}
        return {name: inner for name, inner in found.items() if inner is not None} or None
    if asked.type == "number" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def multipart(form: tuple[tuple[str, str], ...], files: Mapping[str, tuple[str, str, bytes]]) -> tuple[str, bytes]:
    """Content type and body. `files`: name of the part → name, type and content of the file. Source: RFC 7578."""
    body = bytearray()
    for name, value in form:
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'.encode()
        body += value.encode() + b"\r\n"
    for name, (file, kind, content) in files.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"; '.encode()
        body += f'filename="{_quoted(file)}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + content + b"\r\n"
    return f"multipart/form-data; boundary={BOUNDARY}", bytes(body + f"--{BOUNDARY}--\r\n".encode())


def _json(operation: Operation, body: Mapping[str, Any], whole: Any) -> Any:
    if operation.body != "json":
        return None
    if whole is not None:
        return whole
    takes_body = any(asked.place == "body" for asked in operation.asked)
    return dict(body) if body or takes_body else None


def _path(written: str, values: Mapping[str, tuple[Asked, Any]]) -> str:
    """Dots alone, as a part of an address, would climb out of the operation's own path into another one."""

    def filled(hole: re.Match[str]) -> str:
        asked, value = values.get(hole[1], (None, ""))
        keeps_slashes = asked is not None and asked.sent == "slashes"
        text = _line(value)
        if any(part.strip(".") == "" for part in (text.split("/") if keeps_slashes else [text])):
            raise BadParams(f"“{hole[1]}” is a part of the address: it may not be empty, or nothing but dots.")
        return quote(text, safe="/" if keeps_slashes else "")

    return _HOLES.sub(filled, written)


def _pairs(asked: Asked, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (f"{asked.name}[{name}]" if asked.sent == "deep" else name), _line(inner)
    elif isinstance(value, list) and asked.sent == "repeated":
        yield from ((asked.name, _line(each)) for each in value)
    else:
        yield asked.name, _line(value)


def _form(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, FileRef):
            continue
        if isinstance(value, list) and all(not isinstance(each, dict | list) for each in value):
            yield from ((name, _line(each)) for each in value)
        else:
            yield name, _line(value)


def _line(value: Any) -> str:
    """One value of an address, a header or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(not isinstance(each, dict | list) for each in value):
        return ",".join(_line(each) for each in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _quoted(name: str) -> str:
    return name.replace("\\", "_").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
