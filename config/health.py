"""Addresses for whoever watches over the server: is the process alive, can it do its work, does the engine go on?

They answer under any host name and before everything else: who asks stands inside, without the proxy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config import metrics
from workflows.services.progress import progress

log = logging.getLogger(__name__)


def alive(request: HttpRequest) -> HttpResponse:
    """Whether the process answers. Nothing else is asked, so that no database outage has it killed."""
    return _text("alive")


def ready(request: HttpRequest) -> HttpResponse:
    """503 while the database gives no answer. The broker is not asked: work goes on without it, only later."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return _text(_silent(error), 503)
    return _text("ready")


def moving(request: HttpRequest) -> HttpResponse:
    """503, with a sentence for each reason, while work is overdue or no scheduler goes its rounds (case H10)."""
    try:
        found = progress().troubles
    except DatabaseError as error:
        found = [_silent(error)]
    return _text("\n".join(found), 503) if found else _text("moving")


def _silent(error: DatabaseError) -> str:
    """Hosts and names of roles are for the log alone: anybody who comes so far may ask a probe."""
    log.warning("probe.no_database: %s", error)
    return "the database gives no answer"


PROBES = {"/livez": alive, "/healthz": alive, "/readyz": ready, "/progressz": moving}
INSIDE = {**PROBES, "/metrics": metrics.page}


class HealthMiddleware:
    """Before host names are checked and requests without TLS are sent elsewhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = INSIDE.get(request.path)
        if probe is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        return probe(request)


def _text(said: str, status: int = 200) -> HttpResponse:
    answer = HttpResponse(f"{said}\n", status=status, content_type="text/plain")
    answer["Cache-Control"], answer["Content-Length"] = "no-store", str(len(answer.content))
    answer._has_been_logged = True  # type: ignore[attr-defined]  # whoever asks twice a minute has heard it
    return answer
