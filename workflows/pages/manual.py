"""Manual mode on pages: where it is on, switching it on and off, and handing back to the machine what still waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from connectors.forms import Choice, Field, Form, read
from connectors.models import Provider
from departments.access import Verb, visible
from departments.models import Department
from workflows.models import ManualMode, Workflow
from workflows.pages.manual_switch import FOR_WORKFLOW
from workflows.pages.page import Request, page
from workflows.pages.workflows import sentences
from workflows.services import manual_mode

LATEST = 20
FOR_PROVIDER = "provider:"


@page
@require_GET
def modes(request: Request) -> HttpResponse:
    """What is on and what was; for whoever may switch it, the form, in which `?workflow=` or `?department=` chooses."""
    return render(request, "workflows/manual.html", _context(request, _form(request)))


@page
@require_POST
def on(request: Request) -> HttpResponse:
    """Switch it on for what was chosen; a refused form comes back as it was typed (422)."""
    form = _form(request)
    if not form.fields[0].choices:
        raise PermissionDenied(_("Your role does not let you switch manual mode. A manager of your department can."))
    filled = read(form, request.POST)
    if not filled.form.is_good:
        return render(request, "workflows/manual.html", _context(request, filled.form), status=422)
    try:
        department, scope = _scope(request, str(filled.values["scope"]))
        on = manual_mode.switch_on(department, reason=str(filled.values["reason"]), actor=request.actor, **scope)
    except ValidationError as refused:
        form = filled.form.with_errors(sentences(refused))
        return render(request, "workflows/manual.html", _context(request, form), status=422)
    messages.success(request, _("Manual mode is on. What AI steps would do stands in the inbox of those who do it."))
    return redirect("workflow", on.workflow_id) if "at_workflow" in request.POST else redirect("manual")


@page
@require_GET
def mode(request: Request, pk: UUID) -> HttpResponse:
    """One manual mode, and what still waits for people because of it."""
    shown = _find(request, pk)
    waiting = list(manual_mode.waiting_tasks(shown)[:500])
    context = {
        "mode": shown,
        "scope": manual_mode.scope_of(shown),
        "waiting": waiting,
        "may_switch": manual_mode.may_switch(request.actor, shown.department, shown.workflow),
        "untaken": sum(task.claimed_by_id is None for task in waiting),
    }
    return render(request, "workflows/manual_mode.html", context)


@page
@require_POST
def off(request: Request, pk: UUID) -> HttpResponse:
    """`tasks` says what becomes of those that nobody has taken: stay or back."""
    shown = _find(request, pk)
    then = request.POST.get("tasks", manual_mode.STAY)
    if then not in manual_mode.THEN:
        raise BadRequest
    back = manual_mode.switch_off(shown, actor=request.actor, then=then)
    messages.success(request, _("Manual mode is off. AI steps ask the AI again."))
    if then == manual_mode.BACK:
        _say(request, back)
    if "at_workflow" in request.POST and shown.workflow_id:
        return redirect("workflow", shown.workflow_id)
    return redirect("manual_mode", shown.pk) if manual_mode.waiting_tasks(shown).exists() else redirect("manual")


@page
@require_POST
def hand_back(request: Request, pk: UUID) -> HttpResponse:
    shown = _find(request, pk)
    _say(request, manual_mode.hand_back(shown, actor=request.actor))
    return redirect("manual_mode", shown.pk)


def _say(request: Request, back: manual_mode.HandedBack) -> None:
    said = ngettext(
        "%(count)d task was handed back to the AI.", "%(count)d tasks were handed back to the AI.", back.done
    )
    messages.success(request, said % {"count": back.done})
    for task, why in back.refused[:5]:
        messages.warning(request, f"{task.question}: {why}")


def _find(request: Request, pk: UUID) -> ManualMode:
    rows = visible(ManualMode.objects.select_related("department", "workflow"), request.actor)
    return get_object_or_404(rows, pk=pk)


def _context(request: Request, form: Form) -> Mapping[str, Any]:
    past = visible(ManualMode.objects.exclude(off_at=None), request.actor).select_related("department", "workflow")
    on_now = manual_mode.modes_on(request.actor)
    return {
        "on_now": [(each, manual_mode.scope_of(each), _may(request, each)) for each in on_now],
        "past": [(each, manual_mode.scope_of(each)) for each in past.order_by("-off_at")[:LATEST]],
        "form": form if form.fields[0].choices else None,
    }


def _may(request: Request, mode: ManualMode) -> bool:
    return manual_mode.may_switch(request.actor, mode.department, mode.workflow)


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _form(request: Request) -> Form:
    of_workflow = request.GET.get("workflow", "")
    wanted = f"{FOR_WORKFLOW}{of_workflow}" if of_workflow else request.GET.get("department", "")
    choices = tuple(_choices(request))
    known = any(choice.value == wanted for choice in choices)
    why = _("Everybody in the department reads it, and the ledger keeps it.")
    scope = Field("scope", _("For what"), "choice", required=True, choices=choices, value=wanted if known else "")
    return Form((scope, Field("reason", _("Why"), "text", why, required=True)))


def _choices(request: Request) -> list[Choice]:
    """Whole departments and providers in them for managers, workflows for builders."""
    managed = list(visible(Department.objects.order_by("name"), request.actor, verb=Verb.MANAGE, path="pk"))
    providers = list(Provider.objects.filter(enabled=True).order_by("name").values_list("name", flat=True))
    found = [Choice(str(each.pk), _("All of %(name)s") % {"name": each}) for each in managed]
    for each in managed:
        names = {"name": each}
        found += [
            Choice(f"{FOR_PROVIDER}{each.pk}:{one}", _("%(name)s, AI of %(provider)s") % {**names, "provider": one})
            for one in providers
        ]
    rows = visible(Workflow.objects.filter(archived_at=None, live__isnull=False), request.actor, verb=Verb.EDIT)
    for pk, name in rows.order_by("name").values_list("pk", "name")[:500]:
        found.append(Choice(f"{FOR_WORKFLOW}{pk}", _("Workflow “%(name)s”") % {"name": name}))
    return found


def _scope(request: Request, chosen: str) -> tuple[Department, dict[str, Any]]:
    """What one of the choices means. Raises Http404 for anything else."""
    if chosen.startswith(FOR_WORKFLOW):
        rows = visible(Workflow.objects.select_related("department"), request.actor)
        workflow = get_object_or_404(rows, pk=_id(chosen.removeprefix(FOR_WORKFLOW)))
        return workflow.department, {"workflow": workflow}
    department, _colon, provider = chosen.removeprefix(FOR_PROVIDER).partition(":")
    known = visible(Department.objects.all(), request.actor, path="pk")
    return get_object_or_404(known, pk=_id(department)), {"provider": provider}


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
