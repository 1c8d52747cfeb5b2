"""Gives every request its actor, and ends sessions that have lasted too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from departments import second_factor, sessions
from departments.access import NOBODY, Actor, actor_for_user
from departments.models import User

UNATTENDED = "X-Unattended"
"""What a page asks by itself carries this header (static/tandem.js): nobody needs to sit before it."""


class SessionMiddleware:
    """Ends the session of somebody who did nothing for a while, or signed in long ago (case H04).

    Stands before whatever asks who is signed in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session: Any = request.session
        if SESSION_KEY in session:
            self._look_at(request, session)
        return self.get_response(request)

    def _look_at(self, request: HttpRequest, session: Any) -> None:
        if why := sessions.why_over(session):
            sessions.forget(session.session_key)
            session.flush()
            messages.info(request, why)
        elif UNATTENDED not in request.headers:
            sessions.note(session, session.session_key)


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


class SecondFactorMiddleware:
    """Leads whoever comes to the admin without a second factor to where they give one, or set one up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.app_name != "admin" or not second_factor.is_needed(request):
            return None
        user: Any = request.user
        if second_factor.has_one(user):
            return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.get_full_path()})}")
        messages.warning(request, gettext("The administration asks for a second factor. Set one up here, then go on."))
        return redirect("my_sign_in")
