"""Connections: accounts of other systems, how they are, who uses them; connected and tried in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors import accounts, connections, made, sign_ins
from connectors.connections import Told
from connectors.forms import Field, Form, form_for_model, read
from connectors.models import Connection
from connectors.oauth import tokens
from connectors.sdk import Connector, Shelf
from departments.access import Verb, visible
from departments.models import Department
from workflows.pages.page import Request, page
from workflows.pages.workflows import sentences
from workflows.services.connection_uses import how_many_uses, uses


@dataclass(frozen=True, slots=True)
class Row:
    """A connection in the list."""

    connection: Connection
    connector: type[Connector] | None
    used: int


# ── the list, and one ────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_GET
def listed(request: Request) -> HttpResponse:
    """Those of all departments that the person belongs to."""
    rows = visible(Connection.objects.filter(removed_at=None).select_related("department"), request.actor)
    used = how_many_uses(rows)
    kinds = accounts.named({each.connector for each in rows})
    shown = [Row(each, kinds.get(each.connector), used.get(each.pk, 0)) for each in rows]
    context = {
        "rows": shown,
        "several": len({each.department_id for each in rows}) > 1,
        "may_connect": bool(departments_to_connect(request)),
    }
    return render(request, "workflows/connections/connections.html", context)


@page
@require_GET
@never_cache
def one(request: Request, pk: UUID) -> HttpResponse:
    connection = find(request, pk)
    return _page(request, connection, _form(_kind(connection.connector, connection.department), connection))


def _page(request: Request, connection: Connection, form: Form, status: int = 200) -> HttpResponse:
    context = {
        "connection": connection,
        "connector": accounts.connector(connection.connector),
        "form": form,
        "uses": uses(connection),
        "may_connect": request.actor.may(Verb.CONNECT, connection.department_id),
        "sign_in": sign_ins.asks_a_person(connection),
        "signed_in": tokens.held(connection),
        "redirect_address": request.build_absolute_uri(reverse("connection_signed_in")),
    }
    return render(request, "workflows/connections/connection.html", context, status=status)


# ── deeds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: Request) -> HttpResponse:
    """First which system, then its form. What was connected is tried at once; it is kept even where that fails."""
    departments = departments_to_connect(request)
    if not departments:
        raise PermissionDenied(_("Your role does not let you connect accounts. A builder or manager can."))
    name = request.GET.get("connector", "")
    if accounts.connector(name) is None:
        return _choices(request, departments)

    department = chosen(departments, request.POST.get("department") or request.GET.get("department", ""))
    kind = _kind(name, department)
    form = _form(kind)
    if request.method == "POST":
        filled = read(form, request.POST)
        try:
            new_one = connections.connect(department, name, _told(kind, filled.values), actor=request.actor)
        except ValidationError as refused:
            form = _with_refusals(filled.form, refused)
        else:
            _say(request, new_one, connections.try_out(new_one, actor=request.actor))
            return redirect("connection", new_one.pk)
    context = {
        "connector": kind,
        "form": form,
        "asks_how": any(asked.name == "signs_in" for asked in form.fields),
        "departments": departments,
        "department": department,
        "redirect_address": request.build_absolute_uri(reverse("connection_signed_in")),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "workflows/connections/new.html", context, status=status)


def _choices(request: Request, departments: list[Department]) -> HttpResponse:
    """The systems that are installed, and the services that were imported for these departments."""
    context = {
        "shelves": [(_(shelf.value), found) for shelf in Shelf if (found := _on(shelf))],
        "services": made.connectors_for([each.pk for each in departments]).values(),
    }
    return render(request, "workflows/connections/choose.html", context)


def _on(shelf: Shelf) -> list[type[Connector]]:
    return [each for each in accounts.connectors().values() if each.shelf == shelf]


@page
@require_POST
@never_cache
def change(request: Request, pk: UUID) -> HttpResponse:
    connection = find(request, pk, Verb.CONNECT)
    kind = _kind(connection.connector, connection.department)
    filled = read(_form(kind, connection), request.POST)
    try:
        connections.change(connection, _told(kind, filled.values), actor=request.actor)
    except ValidationError as refused:
        return _page(request, connection, _with_refusals(filled.form, refused), 422)
    connection = find(request, pk)
    _say(request, connection, connections.try_out(connection, actor=request.actor))
    return redirect("connection", pk)


@page
@require_POST
def try_out(request: Request, pk: UUID) -> HttpResponse:
    connection = find(request, pk, Verb.CONNECT)
    _say(request, connection, connections.try_out(connection, actor=request.actor))
    return redirect("connection", pk)


@page
@require_POST
def remove(request: Request, pk: UUID) -> HttpResponse:
    connection = find(request, pk, Verb.CONNECT)
    connections.remove(connection, actor=request.actor)
    messages.success(request, _("“%(title)s” was removed, and its secrets are gone.") % {"title": connection.title})
    return redirect("connections")


def _say(request: Request, connection: Connection, works: bool) -> None:
    if works:
        messages.success(request, _("It works. %(said)s") % {"said": connection.health_said})
    else:
        messages.warning(request, _("“%(title)s” is kept, but does not work yet.") % {"title": connection.title})


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form(kind: type[Connector], connection: Connection | None = None) -> Form:
    """What may be shown filled in, and the secrets, always empty."""
    help = _("What people call it when they choose it in a step.")
    title = Field("title", _("Name"), "text", help, _("Press office"), required=True)
    settings = form_for_model(kind.Settings, connection.settings if connection else None)
    secrets = form_for_model(kind.Secrets).fields
    if connection is not None:
        title = replace(title, value=connection.title)
        kept = _("Kept as it is when you leave this empty.")
        secrets = tuple(replace(asked, required=False, help=kept) for asked in secrets)
    return Form((title, *settings.fields, *secrets))


def _told(kind: type[Connector], values: Mapping[str, Any]) -> Told:
    secrets = {name: str(values[name]) for name in kind.Secrets.model_fields if values.get(name)}
    settings = {name: value for name, value in values.items() if name in kind.Settings.model_fields}
    return Told(str(values.get("title", "")), settings, secrets)


def _with_refusals(form: Form, refused: ValidationError) -> Form:
    """What the widgets said stays; the connector's own words stand at the fields without any."""
    wrong = {asked.name for asked in form.fields if asked.error}
    return form.with_errors({name: said for name, said in sentences(refused).items() if name not in wrong})


# ── who and what ─────────────────────────────────────────────────────────────────────────────────────────────────────


def departments_to_connect(request: Request) -> list[Department]:
    return list(Department.objects.filter(pk__in=request.actor.departments(Verb.CONNECT)).order_by("name"))


def chosen(departments: list[Department], slug: str) -> Department:
    """Raises Http404 for one that the person may not connect for."""
    if not slug:
        return departments[0]
    found = next((each for each in departments if each.slug == slug), None)
    if found is None:
        raise Http404(slug)
    return found


def find(request: Request, pk: UUID, verb: Verb = Verb.VIEW) -> Connection:
    """404 where one may not see it, PermissionDenied where one may only see it."""
    rows = Connection.objects.filter(removed_at=None).select_related("department", "secret")
    connection = get_object_or_404(visible(rows, request.actor), pk=pk)
    if not request.actor.may(verb, connection.department_id):
        raise PermissionDenied(_("Your role does not let you change connections. A builder or manager can."))
    return connection


def _kind(name: str, department: Department) -> type[Connector]:
    """Raises Http404 for a connector that is not there (any more), or is another department's own."""
    kind = accounts.connector(name)
    if kind is None or made.is_foreign(kind, department.pk):
        raise Http404(name)
    return kind
