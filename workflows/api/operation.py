"""Describing one method of one address for the API's schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from pydantic import BaseModel

from workflows.api.answers import Refused
from workflows.api.once import HEADER, LONGEST
from workflows.api.problems import CONTENT_TYPE, KINDS

View = TypeVar("View", bound=Callable[..., Any])

ALWAYS = (400, 401, 403, 404, 405, 429, 500, 503)
WRITING = (409, 411, 413, 415, 422)
QUERY_TYPES = ("type", "format", "enum", "minimum", "maximum", "maxLength")

IF_NONE_MATCH = {"If-None-Match": "The ETag of the answer as you know it; 304 when it is still the same."}
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A random text of your own. Sent again with the same body, it gets the same answer and does nothing.",
)


def operation(
    id: str,
    summary: str,
    *,
    answer: Any,
    status: int = 200,
    also: Mapping[int, Any] | None = None,
    content_type: str = "application/json",
    body: Any = None,
    body_type: str = "application/json",
    question: type[BaseModel] | None = None,
    headers: Mapping[str, str] | None = None,
    repeats: bool = False,
    refusals: tuple[int, ...] = (),
    tagged: bool = False,
    bare: Mapping[int, str] | None = None,
) -> Callable[[View], View]:
    """`also`: other successes by status. `repeats`: a POST that takes an Idempotency-Key.

    `refusals`: statuses beside those of every address. `tagged`: something that is read again and again.
    `bare`: answers without a body, and when they are given.
    """
    refused = {*ALWAYS, *(WRITING if body is not None else ()), *refusals}
    parameters = [*_query(question), *_headers({**(headers or {}), **(IF_NONE_MATCH if tagged else {})})]
    parameters += [KEY] if repeats else []
    successes = {status: answer, **(also or {})}
    responses: dict[Any, Any] = {(code, content_type): shape for code, shape in successes.items()}
    bodiless = {**(bare or {}), **({304: "It is still what If-None-Match names."} if tagged else {})}
    responses |= {code: OpenApiResponse(description=says) for code, says in bodiless.items()}
    responses |= {(code, CONTENT_TYPE): _refusal(code) for code in sorted(refused)}

    def described(view: View) -> View:
        return extend_schema(
            operation_id=id,
            summary=summary,
            description=inspect.getdoc(view) or f"{summary}.",
            request=None if body is None else {body_type: OpenApiRequest(body)},
            responses=responses,
            parameters=parameters,
        )(view)

    return described


def _refusal(code: int) -> OpenApiResponse:
    return OpenApiResponse(Refused, description=KINDS[code][1])


def _headers(headers: Mapping[str, str]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=says)
        for name, says in headers.items()
    ]


def _query(question: type[BaseModel] | None) -> list[OpenApiParameter]:
    if question is None:
        return []
    schema = question.model_json_schema()
    return [
        OpenApiParameter(
            name,
            _plain(field, schema.get("$defs", {})),
            OpenApiParameter.QUERY,
            description=field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]


def _plain(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one parameter, with references followed and null left out: a parameter is there or it is not."""
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    found = choices[0]
    if "$ref" in found:
        found = definitions[found["$ref"].rpartition("/")[2]]
    return {name: found[name] for name in QUERY_TYPES if name in found}
