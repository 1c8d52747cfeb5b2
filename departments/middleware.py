"""Gives every request its actor."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from departments.access import NOBODY, Actor, actor_for_user
from departments.models import User


class ActorMiddleware:
    """`request.actor` is who is signed in, with their roles; looked up when first used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """The actor that this middleware, or the API's token, gave to the request."""
    return request.actor  # type: ignore[attr-defined]


def _actor(request: HttpRequest) -> Actor:
    """The API clears `request.user` of a request without a token and sets the actor of one with a token by itself."""
    user = request.user
    return actor_for_user(user) if isinstance(user, User) else NOBODY
