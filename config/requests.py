"""Each request has an id: in its answer, and in every line that is logged for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from connectors.log_context import about

GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """The one that a proxy gave in X-Request-ID is kept, where it is one; it proves nothing and opens nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if GIVEN.fullmatch(given) else uuid4().hex
        with about(request_id=name):
            answer = self.get_response(request)
        answer["X-Request-ID"] = name
        return answer
