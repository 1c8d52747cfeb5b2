"""To the sign-in page of another system and back (OAuth 2). What belongs to the way lies in the person's session."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from connectors import sign_ins
from connectors.models import Connection
from connectors.sdk import StepError
from departments.access import Verb
from workflows.pages.connections import find
from workflows.pages.page import Request, page

UNDER_WAY: Final = "connection_sign_ins"
MOST_UNDER_WAY = 5
LASTS_S = 900


@page
@require_POST
@never_cache
def begin(request: Request, pk: UUID) -> HttpResponse:
    """A page that leads on by itself: a form of ours may not be answered with another site (form-action)."""
    connection = find(request, pk, Verb.CONNECT)
    try:
        journey = sign_ins.begin(connection, redirect_address(request), actor=request.actor)
    except StepError as error:
        messages.warning(request, error.message)
        return redirect("connection", pk)
    way = {"connection": str(pk), "verifier": journey.verifier, "until": time.time() + LASTS_S}
    request.session[UNDER_WAY] = dict([*_under_way(request).items(), (journey.state, way)][-MOST_UNDER_WAY:])
    context = {"connection": connection, "address": journey.address, "host": urlsplit(journey.address).netloc}
    return render(request, "workflows/connections/leaving.html", context)


@page
@require_GET
@never_cache
def finish(request: Request) -> HttpResponse:
    """The way back. It counts once, for who began it, in the browser in which it was begun."""
    known = _under_way(request)
    way = known.pop(request.GET.get("state", ""), None)
    request.session[UNDER_WAY] = known
    if way is None:
        messages.warning(request, _("This sign-in was not begun here, or too long ago. Begin it from the connection."))
        return redirect("connections")
    connection = find(request, UUID(way["connection"]), Verb.CONNECT)
    _finish(request, connection, way["verifier"])
    return redirect("connection", connection.pk)


def _finish(request: Request, connection: Connection, verifier: str) -> None:
    query = {name: str(request.GET[name]) for name in ("code", "error") if name in request.GET}
    try:
        works = sign_ins.finish(connection, query, verifier, redirect_address(request), actor=request.actor)
    except StepError as error:
        messages.warning(request, error.message)
        return
    if works:
        messages.success(request, _("You are signed in, and it works. %(said)s") % {"said": connection.health_said})
    else:
        messages.warning(request, _("You are signed in, but it does not work yet."))


def redirect_address(request: Request) -> str:
    """What must be registered at the service as the address to come back to."""
    return request.build_absolute_uri(reverse("connection_signed_in"))


def _under_way(request: Request) -> dict[str, Any]:
    """Those that are not too old."""
    now = time.time()
    return {state: way for state, way in request.session.get(UNDER_WAY, {}).items() if way["until"] > now}
