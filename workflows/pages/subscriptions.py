"""Telling other systems: set up, seen live with each delivery, changed, switched, tested, removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors.forms import Choice, Field, Form, read
from departments.access import Verb, visible
from departments.models import Department
from workflows.models import Delivery, Happening, Subscription, Workflow
from workflows.pages.connections import chosen, departments_to_connect
from workflows.pages.page import Request, identifier, page, piece_of
from workflows.pages.workflows import sentences
from workflows.services import messages as told
from workflows.services import subscriptions as services
from workflows.services.subscriptions import Asked

MOST_WORKFLOWS = 500
USUAL = (Happening.RUN_SUCCEEDED, Happening.RUN_FAILED)
"""Chosen at first."""


# ── the list, and one ────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_GET
def listed(request: Request) -> HttpResponse:
    """Those of all departments for which the person may set them up."""
    departments = _departments(request)
    rows = Subscription.objects.filter(removed_at=None, department__in=departments)
    context = {
        "rows": rows.select_related("department", "workflow"),
        "several": len(departments) > 1,
        "titles": dict(Happening.choices),
    }
    return render(request, "workflows/subscriptions/subscriptions.html", context)


@page
@require_GET
@never_cache
def one(request: Request, pk: UUID) -> HttpResponse:
    return _page(request, _find(request, pk))


def _page(
    request: Request, subscription: Subscription, *, form: Form | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    deliveries = piece_of(subscription.deliveries.all(), request.GET.get("after", ""), 30)
    context = {
        "subscription": subscription,
        "events": [Happening(each).label for each in subscription.events if each in Happening.values],
        "form": form or _form([subscription.department], subscription),
        "deliveries": deliveries,
        "secret": secret,
    }
    return render(request, "workflows/subscriptions/subscription.html", context, status=status)


@page
@require_GET
@never_cache
def delivery(request: Request, pk: UUID) -> HttpResponse:
    found = _find_delivery(request, pk)
    context = {
        "delivery": found,
        "subscription": found.subscription,
        "tried": found.tried.all(),
        "body": told.body_of(found).decode(),
    }
    return render(request, "workflows/subscriptions/delivery.html", context)


# ── deeds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: Request) -> HttpResponse:
    """Its secret is shown this once, on the page that comes after."""
    departments = _departments(request)
    department = chosen(departments, request.POST.get("department") or request.GET.get("department", ""))
    form = _form(departments)
    if request.method == "POST":
        filled = read(form, request.POST)
        try:
            made = services.set_up(department, _asked(filled.values), actor=request.actor)
        except ValidationError as refused:
            form = _with_refusals(filled.form, refused)
        else:
            return _page(request, made.subscription, secret=made.secret)
    context = {"form": form, "departments": departments, "department": department}
    status = 422 if request.method == "POST" else 200
    return render(request, "workflows/subscriptions/new.html", context, status=status)


@page
@require_POST
@never_cache
def change(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    filled = read(_form([found.department], found), request.POST)
    try:
        services.change(found, _asked(filled.values), actor=request.actor)
    except ValidationError as refused:
        return _page(request, found, form=_with_refusals(filled.form, refused), status=422)
    messages.success(request, _("Saved. It counts from now on."))
    return redirect("subscription", pk)


@page
@require_POST
def switch(request: Request, pk: UUID) -> HttpResponse:
    services.switch(_find(request, pk), on=request.POST.get("on") == "1", actor=request.actor)
    return redirect("subscription", pk)


@page
@require_POST
@never_cache
def renew(request: Request, pk: UUID) -> HttpResponse:
    """The new secret is shown this once."""
    made = services.renew_secret(_find(request, pk), actor=request.actor)
    return _page(request, made.subscription, secret=made.secret)


@page
@require_POST
def send_test(request: Request, pk: UUID) -> HttpResponse:
    made = services.send_test(_find(request, pk), actor=request.actor)
    messages.success(request, _("A test event is on its way. Load the page again in a moment to see what came of it."))
    return redirect("delivery", made.pk)


@page
@require_POST
def remove(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    services.remove(found, actor=request.actor)
    messages.success(request, _("“%(title)s” was removed. It is told nothing any more.") % {"title": found.title})
    return redirect("subscriptions")


@page
@require_POST
def send_again(request: Request, pk: UUID) -> HttpResponse:
    services.send_again(_find_delivery(request, pk), actor=request.actor)
    messages.success(request, _("It is on its way once more, under the same id."))
    return redirect("delivery", pk)


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form(departments: list[Department], subscription: Subscription | None = None) -> Form:
    wanted = subscription.events if subscription else USUAL
    events = tuple(
        Field(each.value.replace(".", "_"), str(each.label), "switch", prefix="events-", value=each.value in wanted)
        for each in Happening
    )
    fields = (
        Field(
            "address",
            _("Address"),
            "text",
            _("Where Tandem sends a POST for each event. An administrator lists the hosts that may be reached."),
            "https://hooks.example.com/tandem",
            required=True,
        ),
        Field("events", _("What it is told"), "group", default=USUAL, parts=events),
        Field(
            "workflow",
            _("Of which workflow"),
            "choice",
            choices=_workflows(departments),
            nothing=_("All of the department"),
        ),
        Field("title", _("Name"), "text", _("What people call it. Empty: the host of the address."), _("Archive")),
    )
    if subscription is None:
        return Form(fields)
    workflow = str(subscription.workflow_id or "")
    known = {"address": subscription.address, "title": subscription.title, "workflow": workflow}
    return Form(tuple(replace(each, value=known.get(each.name, each.value)) for each in fields))


def _workflows(departments: list[Department]) -> tuple[Choice, ...]:
    rows = Workflow.objects.filter(department__in=departments, archived_at=None).order_by("name")
    found = rows.values_list("pk", "name", "department__name")[:MOST_WORKFLOWS]
    several = len(departments) > 1
    return tuple(Choice(str(pk), f"{name} ({whose})" if several else name) for pk, name, whose in found)


def _asked(values: Mapping[str, Any]) -> Asked:
    wanted = values.get("events") or {}
    return Asked(
        address=str(values.get("address") or "").strip(),
        events=[each.value for each in Happening if wanted.get(each.value.replace(".", "_"))],
        workflow=identifier(str(values.get("workflow") or "")),
        title=str(values.get("title") or ""),
    )


def _with_refusals(form: Form, refused: ValidationError) -> Form:
    wrong = {asked.name for asked in form.fields if asked.error}
    return form.with_errors({name: said for name, said in sentences(refused).items() if name not in wrong})


# ── who and what ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _departments(request: Request) -> list[Department]:
    """Raises PermissionDenied: an address may hold a secret of the other system, so not everybody sees them."""
    found = departments_to_connect(request)
    if not found:
        raise PermissionDenied(_refusal())
    return found


def _find(request: Request, pk: UUID) -> Subscription:
    """404 where one may not know of it, PermissionDenied where one may not change it."""
    rows = Subscription.objects.filter(removed_at=None).select_related("department", "workflow", "owner", "secret")
    found = get_object_or_404(visible(rows, request.actor), pk=pk)
    _require(request, found)
    return found


def _find_delivery(request: Request, pk: UUID) -> Delivery:
    rows = Delivery.objects.filter(subscription__removed_at=None).select_related("subscription__department")
    found = get_object_or_404(visible(rows, request.actor, path="subscription__department"), pk=pk)
    _require(request, found.subscription)
    return found


def _require(request: Request, subscription: Subscription) -> None:
    if not request.actor.may(Verb.CONNECT, subscription.department_id):
        raise PermissionDenied(_refusal())


def _refusal() -> str:
    return _("Your role does not let you say what other systems are told. A builder or manager can.")
