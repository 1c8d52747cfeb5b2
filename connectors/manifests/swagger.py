"""Swagger 2.0 read as OpenAPI 3. Pure.

Only what hangs on operations changes its shape. `definitions`, `parameters` and `responses` stay where they are, so
that references lead where they led.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.manifests.references import Document, Unresolved

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
_SCHEMA = ("type", "format", "items", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "maxItems")
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials", "implicit": "implicit"}


def modern(whole: Mapping[str, Any]) -> dict[str, Any]:
    document = Document(whole)
    schemes = {name: _scheme(each) for name, each in _mapping(whole.get("securityDefinitions")).items()}
    return {
        **whole,
        "openapi": "3.0.0",
        "servers": _servers(whole),
        "components": {"securitySchemes": schemes},
        "paths": {path: _path(item, document, whole) for path, item in _mapping(whole.get("paths")).items()},
    }


def _servers(whole: Mapping[str, Any]) -> list[dict[str, Any]]:
    base, host = str(whole.get("basePath") or ""), str(whole.get("host") or "")
    if not host:
        return [{"url": base or "/"}]
    offered = whole.get("schemes")
    secure = not isinstance(offered, list) or "https" in offered or not offered
    return [{"url": f"{'https' if secure else 'http'}://{host}{base}"}]


def _scheme(given: Any) -> dict[str, Any]:
    scheme = dict(_mapping(given))
    if scheme.get("type") == "basic":
        return {**scheme, "type": "http", "scheme": "basic"}
    if scheme.get("type") == "oauth2":
        flow = _FLOWS.get(str(scheme.get("flow")), str(scheme.get("flow")))
        return {**scheme, "flows": {flow: scheme}}
    return scheme


def _path(item: Any, document: Document, whole: Mapping[str, Any]) -> Any:
    if not isinstance(item, Mapping):
        return item
    shared = item.get("parameters") if isinstance(item.get("parameters"), list) else []
    rest = {name: value for name, value in item.items() if name not in (*METHODS, "parameters")}
    return {**rest, **{m: _operation(item[m], shared, document, whole) for m in METHODS if m in item}}


def _operation(given: Any, shared: Any, document: Document, whole: Mapping[str, Any]) -> Any:
    if not isinstance(given, Mapping):
        return given
    takes = given.get("consumes") or whole.get("consumes") or ["application/json"]
    gives = given.get("produces") or whole.get("produces") or ["application/json"]
    own = given.get("parameters") if isinstance(given.get("parameters"), list) else []
    parameters, body, form = [], None, []
    for each in _all(shared, own, document):
        match each.get("in"):
            case "body":
                body = each
            case "formData":
                form.append(each)
            case _:
                parameters.append(_parameter(each))
    operation = {**given, "parameters": parameters, "responses": _responses(given.get("responses"), gives, document)}
    if body is not None:
        operation["requestBody"] = _body(body, takes)
    elif form:
        operation["requestBody"] = _form(form, takes)
    return operation


def _all(shared: Any, own: Any, document: Document) -> list[Mapping[str, Any]]:
    """Those of the operation win over those of its path."""
    found: dict[Any, Mapping[str, Any]] = {}
    for number, each in enumerate([*shared, *own]):
        try:
            part, _ = document.followed(each)
        except Unresolved:
            part = each if isinstance(each, Mapping) else {}
        found[(part.get("in"), part.get("name")) if "name" in part else number] = part
    return list(found.values())


def _parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in given:
        return dict(given)
    commas = given.get("type") == "array" and given.get("collectionFormat", "csv") != "multi"
    schema = {name: given[name] for name in _SCHEMA if name in given}
    kept = {name: value for name, value in given.items() if name not in _SCHEMA}
    return {**kept, "schema": schema, "explode": not commas}


def _body(given: Mapping[str, Any], takes: Any) -> dict[str, Any]:
    types = takes if isinstance(takes, list) else [takes]
    content = {str(each): {"schema": given.get("schema", {})} for each in types}
    return {"required": given.get("required", False), "content": content}


def _form(given: list[Mapping[str, Any]], takes: Any) -> dict[str, Any]:
    def schema(each: Mapping[str, Any]) -> dict[str, Any]:
        inner = {name: each[name] for name in (*_SCHEMA, "description") if name in each}
        return {**inner, "type": "string", "format": "binary"} if each.get("type") == "file" else inner

    has_file = any(each.get("type") == "file" for each in given)
    form = "multipart/form-data" if has_file or takes == ["multipart/form-data"] else _FORM
    properties = {str(each.get("name")): schema(each) for each in given}
    needed = [str(each.get("name")) for each in given if each.get("required")]
    return {"content": {form: {"schema": {"type": "object", "properties": properties, "required": needed}}}}


def _responses(given: Any, gives: Any, document: Document) -> dict[str, Any]:
    types = gives if isinstance(gives, list) else [gives]
    found: dict[str, Any] = {}
    for status, each in _mapping(given).items():
        try:
            part, _ = document.followed(each)
        except Unresolved:
            continue
        content = {str(one): {"schema": part["schema"]} for one in types} if "schema" in part else {}
        found[str(status)] = {**part, "content": content}
    return found


_FORM = "application/x-www-form-urlencoded"


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
