"""The header Idempotency-Key on every POST: sent again, it gets the answer it got (rule S19)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from rest_framework.request import Request

from workflows.api.endpoint import Endpoint
from workflows.engine import strict
from workflows.services import idempotency

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
KEPT_HEADERS = ("Location", "ETag")

Method = Callable[..., HttpResponse]


def answered_once(method: Method) -> Method:
    """Around a POST. Without the header nothing changes."""

    @wraps(method)
    def answering(endpoint: Endpoint, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        key = _key(request)
        if key is None:
            return method(endpoint, request, *args, **kwargs)

        asked = idempotency.Request(
            key=key,
            actor=f"{endpoint.actor.kind}:{endpoint.actor.id}",
            route=_route(request),
            fingerprint=endpoint.fingerprint(),
        )
        return _sent(idempotency.once(asked, lambda: _given(method(endpoint, request, *args, **kwargs))))

    return answering


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST or not (key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: f"A key has 1 to {LONGEST} visible ASCII characters, such as a random UUID."})
    return key


def _route(request: Request) -> str:
    """Method and path. What is cut off belongs to no address that exists."""
    return strict.legible(f"{request.method} {request.path.rstrip('/')}"[:200], 200)


def _given(response: HttpResponse) -> idempotency.Given:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return idempotency.Given(response.status_code, response.content.decode(), headers)


def _sent(given: idempotency.Given) -> HttpResponse:
    replayed = {REPLAYED: "true"} if given.is_replay else {}
    return HttpResponse(
        given.body, status=given.status, content_type="application/json", headers={**given.headers, **replayed}
    )
