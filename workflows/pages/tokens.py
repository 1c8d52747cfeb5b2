"""The API tokens of a department: made, seen with their last use, ended. By its managers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from connectors.forms import Choice, Field, Form, read
from departments.matrix import ALLOWS, Verb
from departments.models import ApiToken, Department, Role
from departments.tokens import create_token, renew_token, revoke_token
from workflows.pages.page import Request, page, whole_number
from workflows.pages.people import find_managed
from workflows.pages.workflows import sentences

ENDED_SHOWN = 50
LIFETIMES = (7, 30, 90, 365)
"""Days."""
USUAL_DAYS = 90
OVERLAPS = {24: _lazy("1 day"), 168: _lazy("7 days"), 0: _lazy("not at all: it may be known to somebody")}
"""Hours that the secret before goes on working."""


@page
@require_GET
def listed(request: Request, slug: str) -> HttpResponse:
    return _page(request, find_managed(request, slug))


@page
@require_POST
@never_cache
def make(request: Request, slug: str) -> HttpResponse:
    """The token is shown this once, on the answer to the form."""
    department = find_managed(request, slug)
    filled = read(_form(), request.POST)
    try:
        token, secret = create_token(department, actor=request.actor, **_asked(filled.values))
    except ValidationError as refused:
        return _page(request, department, form=_with_refusals(filled.form, refused), status=422)
    return _page(request, department, made=token, secret=secret)


@page
@require_POST
@never_cache
def renew(request: Request, slug: str, pk: UUID) -> HttpResponse:
    """A new secret for the same program, shown this once."""
    department = find_managed(request, slug)
    token = get_object_or_404(department.tokens, pk=pk)
    overlap = timedelta(hours=_whole(request.POST.get("overlap", ""), -1))
    lifetime = timedelta(days=_whole(request.POST.get("days", "")))
    try:
        secret = renew_token(token, actor=request.actor, lifetime=lifetime, overlap=overlap)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("tokens", slug)
    return _page(request, department, made=token, secret=secret)


@page
@require_POST
def revoke(request: Request, slug: str, pk: UUID) -> HttpResponse:
    token = get_object_or_404(find_managed(request, slug).tokens, pk=pk)
    revoke_token(token, actor=request.actor)
    messages.success(request, _("“%(name)s” has ended: who uses it is refused from now on.") % {"name": token})
    return redirect("tokens", slug)


def _page(
    request: Request,
    department: Department,
    *,
    form: Form | None = None,
    made: ApiToken | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    tokens = department.tokens.select_related("created_by")
    ended = Q(revoked_at__isnull=False) | Q(expires_at__lte=Now())
    context = {
        "department": department,
        "usable": [(token, [_VERBS[Verb(verb)]() for verb in token.only]) for token in tokens.exclude(ended)],
        "ended": tokens.filter(ended)[:ENDED_SHOWN],
        "form": form or _form(),
        "made": made,
        "lifetimes": LIFETIMES,
        "usual_days": USUAL_DAYS,
        "overlaps": OVERLAPS,
        "secret": secret,
    }
    return render(request, "departments/tokens.html", context, status=status)


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form() -> Form:
    verbs = tuple(Field(verb.value, _VERBS[verb](), "switch", prefix="only-", value=False) for verb in Verb)
    return Form(
        (
            Field(
                "name",
                _("Name"),
                "text",
                _("Which program uses it. The ledger names it so."),
                _("Contract archive"),
                required=True,
            ),
            Field(
                "role",
                _("Role"),
                "choice",
                _("What it may do at most: as much as a person with this role."),
                choices=tuple(Choice(role.value, str(role.label)) for role in Role),
                value=Role.OPERATOR.value,
                required=True,
            ),
            Field(
                "only",
                _("Only these of them"),
                "group",
                _("Nothing chosen: all that its role may. The less it may, the less harm it does where it is lost."),
                parts=verbs,
            ),
            Field(
                "days",
                _("Ends after"),
                "choice",
                _("Renew it before; the secret before works on for a while."),
                choices=tuple(Choice(str(days), _("%(days)d days") % {"days": days}) for days in LIFETIMES),
                value=str(USUAL_DAYS),
                required=True,
            ),
        )
    )


_VERBS = {
    Verb.VIEW: lambda: _("read"),
    Verb.RUN: lambda: _("start and stop runs"),
    Verb.EDIT: lambda: _("change drafts"),
    Verb.PUBLISH: lambda: _("publish, set up triggers"),
    Verb.DECIDE: lambda: _("answer tasks"),
    Verb.CONNECT: lambda: _("set up connections"),
    Verb.AUDIT: lambda: _("read the ledger"),
    Verb.MANAGE: lambda: _("manage the department"),
}


def _asked(values: Mapping[str, Any]) -> dict[str, Any]:
    chosen = values.get("only") or {}
    return {
        "name": str(values.get("name") or ""),
        "role": str(values.get("role") or ""),
        "only": [verb.value for verb in Verb if chosen.get(verb.value)],
        "lifetime": timedelta(days=_whole(str(values.get("days") or ""))),
    }


def _whole(text: str, otherwise: int = 0) -> int:
    """What is no number of days or hours is refused by the service, like one that is too large."""
    found = whole_number(text)
    return otherwise if found is None or found > 9999 else found


def _with_refusals(form: Form, refused: ValidationError) -> Form:
    """In the form's own words: the service speaks of verbs and a lifetime."""
    said = sentences(refused)
    if "only" in said:
        role = str(next(field.value for field in form.fields if field.name == "role"))
        held = ", ".join(_VERBS[verb]() for verb in Verb if verb in ALLOWS.get(role, ()))
        said["only"] = _("More than its role may. That is: %(held)s.") % {"held": held}
    if "lifetime" in said:
        said["days"] = said.pop("lifetime")
    wrong = {asked.name for asked in form.fields if asked.error}
    return form.with_errors({name: words for name, words in said.items() if name not in wrong})
