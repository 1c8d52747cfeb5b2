"""Puts each request behind the second wall (audit/wall.py) before its view begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import OperationalError, connection
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from audit import wall
from config.busy import busy
from departments.middleware import actor_of


class WallMiddleware:
    """Behind the departments of whoever is signed in; whoever is not sees none. The API's tokens say theirs themselves.

    In the admin an administrator sees of every department that its things are there (departments/administration.py).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Before the address is looked up: the page of one that is not there has a frame with tasks in it, too."""
        try:
            wall.stand_behind(actor_of(request).roles if settings.SESSION_COOKIE_NAME in request.COOKIES else [])
        except OperationalError as error:
            return busy(request, error)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        in_admin = request.resolver_match is not None and request.resolver_match.namespaces == ["admin"]
        if in_admin and actor_of(request).is_administrator:
            wall.take_down()


@receiver(request_started)
def _begin(**_request: Any) -> None:
    wall.leave_as_it_is()


@receiver(request_finished)
def _end(**_request: Any) -> None:
    """After the last byte: an answer in parts asks the database until then. In tests the connection is still there."""
    wall.take_down()
    if connection.connection is not None:
        wall.keep(connection)
