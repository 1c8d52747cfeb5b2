"""Who asked for what they may not is in the ledger too (rule A13): a person, or a program, refused with 403.

Of a thing of another department nobody is told that it is there (404), and such a question is no entry either: it looks
like one for a thing that does not exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import Error, transaction
from django.http import HttpRequest, HttpResponse

from audit.services import record
from departments import allowances
from departments.access import Actor, NotAllowed
from departments.allowances import Limit
from departments.middleware import actor_of
from departments.models import Department

log = logging.getLogger(__name__)
MOST: Final = Limit("refused", at_once=10, pause_s=6)
"""Of one who asks: whoever tries everything tells nothing new by the eleventh entry, and fills no disk."""


class RefusalMiddleware:
    """Writes down what pages and the admin refuse; the API's own handler calls `note` itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, PermissionDenied):
            note(request, exception)


def note(request: HttpRequest, refusal: PermissionDenied) -> None:
    """Never raises: the refusal is what whoever asked is to hear."""
    actor, match = actor_of(request), request.resolver_match
    if actor.kind == "nobody" or match is None:
        return
    try:
        if allowances.take(f"refused:{actor.kind}:{actor.id}", MOST).is_refused:
            return
        with transaction.atomic():
            record(
                "access.refused",
                actor=actor,
                department=_department(actor, refusal),
                method=request.method,
                address=match.route,  # the pattern: of a form or a webhook the path itself is a secret
                about=_ids(match.kwargs.values()),
            )
    except Error as error:
        log.warning("access.not_noted: %s (%s)", match.route, type(error).__name__)


def _ids(values: Iterable[object]) -> list[str]:
    """The admin has them as text, and a secret in an address is none."""
    found = []
    for value in values:
        with suppress(ValueError):
            found.append(str(UUID(str(value))))
    return found


def _department(actor: Actor, refusal: PermissionDenied) -> str:
    """The one that refused, else the only one in which they are anything; none where that is not told."""
    if isinstance(refusal, NotAllowed) and refusal.department is not None:
        return refusal.department.slug
    if len(actor.roles) != 1:
        return ""
    return Department.objects.values_list("slug", flat=True).get(pk=next(iter(actor.roles)))
