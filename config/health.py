"""Two addresses for whoever watches over the server: is the process alive, can it do its work."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """503 while the database gives no answer. The broker is not asked: work goes on without it, only later."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return HttpResponse(f"the database gives no answer: {error}\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")
