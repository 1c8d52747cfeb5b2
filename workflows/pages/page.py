"""What all pages share: who may come in, what a conflict looks like, and lists that are read piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from departments.access import Actor
from workflows.services.refusals import Conflict

View = Callable[..., HttpResponse]
Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 50


class Request(HttpRequest):
    """A request as the middlewares leave it, for the type checker."""

    actor: Actor
    htmx: Any


def page(view: View) -> View:
    """For people who are signed in. A conflict becomes a page that leads back to what was shown."""

    @wraps(view)
    def shown(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return _sign_in(request)
        try:
            return view(request, *args, **kwargs)
        except Conflict as conflict:
            back = request.headers.get("Referer", "/")
            return render(request, "409.html", {"exception": str(conflict), "back": back}, status=409)

    return shown


def _sign_in(request: Request) -> HttpResponse:
    """A fragment that was asked for after the session ended takes the whole page to the sign-in."""
    if request.htmx:
        there = request.htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(there, resolve_url(settings.LOGIN_URL)).url)
    return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a long list. `after` is where the next one begins, or nothing at its end."""

    rows: Sequence[Any]
    after: str = ""


def piece_of(rows: QuerySet[Row], after: str, size: int = PAGE_SIZE) -> Piece:
    """The rows before the id `after`, newest first: ids are UUIDv7, so their order is that of time."""
    if (place := identifier(after)) is not None:
        rows = rows.filter(pk__lt=place)
    found = list(rows.order_by("-pk")[: size + 1])
    return Piece(found[:size], after=str(found[size - 1].pk) if len(found) > size else "")


def words(request: Request, name: str) -> str:
    """What was typed into a search or chosen in a filter, fit to be asked of the database."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:100]


def identifier(text: str) -> UUID | None:
    """The id written in an address, or None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def whole_number(text: str) -> int | None:
    """The number written in ASCII digits, as many as the database takes, or None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
