"""With whom a workflow is shared. By the managers of its department."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from connectors.forms import Choice, Field, Form, read
from departments.access import may_manage
from departments.models import Department, Role
from workflows.models import Share, Workflow
from workflows.pages.page import Request, identifier, page
from workflows.pages.workflows import find, sentences
from workflows.services.refusals import Conflict
from workflows.services.sharing import end_share, share_with_department, share_with_person


@page
@require_GET
def shares(request: Request, pk: UUID) -> HttpResponse:
    return _page(request, _managed(request, pk))


@page
@require_POST
def with_person(request: Request, pk: UUID) -> HttpResponse:
    workflow, filled = _managed(request, pk), read(_person_form(), request.POST)
    email = str(filled.values.get("email") or "")
    return _shared(
        request, workflow, "person", filled.form, lambda: share_with_person(workflow, email, actor=request.actor)
    )


@page
@require_POST
def with_department(request: Request, pk: UUID) -> HttpResponse:
    workflow = _managed(request, pk)
    filled = read(_department_form(workflow), request.POST)
    return _shared(request, workflow, "others", filled.form, lambda: _with_department(request, workflow, filled.values))


@page
@require_POST
def end(request: Request, pk: UUID, share: UUID) -> HttpResponse:
    found = get_object_or_404(_managed(request, pk).shares.select_related("workflow__department"), pk=share)
    end_share(found, actor=request.actor)
    messages.success(request, _("%(whom)s can no longer use it.") % {"whom": found})
    return redirect("shares", pk)


def _managed(request: Request, pk: UUID) -> Workflow:
    workflow = find(request, pk)
    if not may_manage(request.actor, workflow.department):
        raise PermissionDenied(_("Managers of %(name)s share its workflows.") % {"name": workflow.department.name})
    return workflow


def _with_department(request: Request, workflow: Workflow, values: Mapping[str, Any]) -> Share:
    place = identifier(str(values.get("department") or ""))
    department = Department.objects.filter(pk=place).first() if place else None
    if department is None:
        raise ValidationError({"department": _("Choose a department.")})
    return share_with_department(workflow, department, str(values.get("role") or ""), actor=request.actor)


def _shared(request: Request, workflow: Workflow, which: str, form: Form, deed: Callable[[], Share]) -> HttpResponse:
    if not form.is_good:
        return _page(request, workflow, {which: form}, 422)
    try:
        share = deed()
    except ValidationError as refused:
        return _page(request, workflow, {which: form.with_errors(sentences(refused))}, 422)
    except Conflict as conflict:
        return _page(request, workflow, {which: form.with_errors({"": str(conflict)})}, 422)
    messages.success(request, _("%(whom)s can use it from now on, under Workflows.") % {"whom": share})
    return redirect("shares", workflow.pk)


def _page(
    request: Request, workflow: Workflow, forms: Mapping[str, Form] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "workflow": workflow,
        "shares": workflow.shares.select_related("person", "to_department"),
        "person": _person_form(),
        "others": _department_form(workflow),
        **(forms or {}),
    }
    return render(request, "workflows/shares.html", context, status=status)


def _person_form() -> Form:
    about = _("Anybody who can sign in here.")
    return Form((Field("email", _("E-mail address"), "text", about, "eva@example.org", required=True),))


def _department_form(workflow: Workflow) -> Form:
    departments = Department.objects.order_by("name").values_list("pk", "name")
    roles = [Choice("", _("Everybody there")), *(Choice(role.value, str(role.label)) for role in Role)]
    return Form(
        (
            Field(
                "department",
                _("Department"),
                "choice",
                _("The own department, too: its approvers, for instance, could not start it otherwise."),
                choices=tuple(Choice(str(pk), name) for pk, name in departments),
                value=str(workflow.department_id),
                required=True,
            ),
            Field("role", _("Who there"), "choice", choices=tuple(roles)),
        )
    )
