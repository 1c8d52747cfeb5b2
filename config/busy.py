"""A database that gives no answer in time is no defect of the page: it is said so, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = logging.getLogger(__name__)
RETRY_AFTER_S = "5"


class BusyMiddleware:
    """Pages answer 503 while the database is away, or a row is held for too long; the API has words of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return busy(request, exception) if isinstance(exception, OperationalError) else None


def busy(request: HttpRequest, exception: OperationalError) -> HttpResponse:
    # Not the path itself: of a form or a webhook it is a secret.
    where = request.resolver_match.route if request.resolver_match else "/"
    log.warning("page.waits: %s %s (%s)", request.method, where, type(exception.__cause__).__name__)
    connection.close_if_unusable_or_obsolete()
    answer = render(request, "503.html", status=503)
    answer["Retry-After"] = RETRY_AFTER_S
    return answer
