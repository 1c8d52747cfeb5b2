"""Workflows: the list, and the page of one with its start form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from connectors.forms import Form
from departments.access import Actor, Verb, may_manage, visible
from departments.models import Department
from workflows.engine.definition import BadDefinition, load
from workflows.models import Run, RunStatus, Workflow
from workflows.pages.cards import Card, cards_of
from workflows.pages.made_of_it import made_of_it
from workflows.pages.manual_switch import switch_of
from workflows.pages.page import Request, page, words
from workflows.pages.starting import filled_form, read_start
from workflows.services.refusals import Conflict
from workflows.services.runs import start_run
from workflows.services.sharing import lent_to, may_use, require_use
from workflows.services.triggers import triggers_of

RATE_SPAN = timedelta(days=30)
RECENT_RUNS = 8
RECENT_TABLES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A workflow in the list, with how its runs ended in the RATE_SPAN."""

    workflow: Workflow
    succeeded: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed

    @property
    def rate(self) -> int:
        """Percent of the ended runs that succeeded."""
        return round(100 * self.succeeded / self.ended) if self.ended else 0


def listed(actor: Actor, wanted: str = "") -> list[Row]:
    """Workflows in use whose name or purpose holds the wanted words. Two queries."""
    latest = Run.objects.live().filter(workflow=OuterRef("pk")).order_by("-pk")
    rows = visible(Workflow.objects.filter(archived_at=None), actor).select_related("department", "live", "owner")
    if wanted:
        rows = rows.filter(Q(name__icontains=wanted) | Q(description__icontains=wanted))
    rows = rows.annotate(
        last_run_id=Subquery(latest.values("pk")[:1]),
        last_run_at=Subquery(latest.values("created_at")[:1]),
        last_run_status=Subquery(latest.values("status")[:1]),
    )
    ended = _ended(actor)
    return [
        Row(each, ended.get((each.pk, RunStatus.SUCCEEDED), 0), ended.get((each.pk, RunStatus.FAILED), 0))
        for each in rows.order_by("department__name", "name")
    ]


def _ended(actor: Actor) -> dict[tuple[UUID, str], int]:
    recent = visible(Run.objects.live().filter(created_at__gte=Now() - RATE_SPAN), actor).order_by()
    counted = recent.values_list("workflow", "status").annotate(count=Count("pk"))
    return {(workflow, status): count for workflow, status, count in counted}


@page
@require_GET
def workflows(request: Request) -> HttpResponse:
    """The list; typing into the search asks for its fragment alone."""
    wanted = words(request, "q")
    template = "workflows/_workflows.html" if request.htmx else "workflows/workflows.html"
    lent = [] if request.htmx else lent_to(request.actor)
    context = {
        "rows": listed(request.actor, wanted),
        "lent": lent,
        "q": wanted,
        "statuses": RunStatus,
        "may_build": bool(request.actor.departments(Verb.EDIT)),
    }
    return render(request, template, context)


@page
@require_GET
def workflow(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    form = filled_form(request, shown) if shown.live_id else None
    if request.htmx and form:
        return render(request, "workflows/_start.html", start_context(request, shown, form))
    return render(request, "workflows/workflow.html", page_context(request, shown, form))


@page
@require_POST
def start(request: Request, pk: UUID) -> HttpResponse:
    """Start a run and go to its page; a refused form comes back as it was typed (422)."""
    shown = find(request, pk)
    require_use(request.actor, shown)
    if shown.live_id is None:
        raise Conflict(f"“{shown.name}” is not published. Publish it, then start it.")

    filled = read_start(request, shown)
    if not filled.form.is_good:
        return render(request, "workflows/workflow.html", page_context(request, shown, filled.form), status=422)
    try:
        run = start_run(shown, inputs=dict(filled.values), actor=request.actor)
    except ValidationError as refused:
        form = filled.form.with_errors(sentences(refused))
        return render(request, "workflows/workflow.html", page_context(request, shown, form), status=422)
    return redirect("run", run.pk)


def sentences(refused: ValidationError) -> dict[str, str]:
    """Input → what is wrong with it; an empty name for what belongs to none."""
    if hasattr(refused, "error_dict"):
        return {name: " ".join(texts) for name, texts in refused.message_dict.items()}
    return {"": " ".join(refused.messages)}


def find(request: Request, pk: UUID) -> Workflow:
    rows = visible(Workflow.objects.select_related("department", "live", "owner"), request.actor)
    return get_object_or_404(rows, pk=pk)


def own_departments(request: Request) -> list[Department]:
    """Where the person may build. Raises PermissionDenied for somebody who may nowhere."""
    found = list(visible(Department.objects.order_by("name"), request.actor, verb=Verb.EDIT, path="pk"))
    if not found:
        raise PermissionDenied(
            _("Your role does not let you make workflows. A manager of your department can change that.")
        )
    return found


def start_context(request: Request, shown: Workflow, form: Form | None) -> dict[str, Any]:
    return {"workflow": shown, "form": form, "may_run": may_use(request.actor, shown)}


def page_context(request: Request, shown: Workflow, form: Form | None) -> dict[str, Any]:
    return {
        **start_context(request, shown, form),
        "may_build": request.actor.may(Verb.EDIT, shown.department_id),
        "cards": _cards(shown),
        "runs": shown.runs.live().order_by("-pk")[:RECENT_RUNS],
        "versions": shown.versions.order_by("-number")[:20],
        "made": made_of_it(shown),
        "tables": list(shown.series.order_by("-pk")[:RECENT_TABLES]),
        "triggers": triggers_of(shown.pk),
        "may_share": may_manage(request.actor, shown.department),
        "may_publish": request.actor.may(Verb.PUBLISH, shown.department_id),
        **switch_of(request, shown),
    }


def _cards(shown: Workflow) -> tuple[Card, ...]:
    """What happens in the live version, else in the draft; nothing for a draft that is not yet a workflow."""
    try:
        return cards_of(load(shown.live.definition if shown.live else shown.draft))
    except BadDefinition:
        return ()
