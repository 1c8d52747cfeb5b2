"""Home: what waits for me, what I started, what the departments' workflows did this week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from departments.access import Actor, Verb, visible
from departments.models import Department
from workflows.models import Run, RunStatus, Workflow
from workflows.pages.gallery import suggested
from workflows.pages.page import Request, page
from workflows.services.budget_questions import questions_for
from workflows.services.deciders import standing_of
from workflows.services.publishing import requests_for
from workflows.services.tasks import tasks_for

WEEK = timedelta(days=7)
SHOWN_TASKS = 5
SHOWN_RUNS = 6
SHOWN_WORKFLOWS = 6


@dataclass(frozen=True, slots=True)
class Week:
    """The runs of one department in the last seven days."""

    department: str
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def bars(self) -> list[dict[str, Any]]:
        """One bar per status that occurs: its left end and its width in percent."""
        bars, left = [], 0.0
        for status in (
            RunStatus.SUCCEEDED,
            RunStatus.RUNNING,
            RunStatus.QUEUED,
            RunStatus.WAITING,
            RunStatus.CANCELLED,
            RunStatus.FAILED,
        ):
            count = self.counts.get(status, 0)
            if count:
                width = 100 * count / self.total
                bars.append({"status": status, "count": count, "left": f"{left:.2f}", "width": f"{width:.2f}"})
                left += width
        return bars


@page
@require_GET
def home(request: Request) -> HttpResponse:
    actor, standing = request.actor, standing_of(request.actor)
    runs = visible(Run.objects.live(), actor).select_related("workflow", "department").order_by("-pk")
    mine = list(runs.filter(starter_kind=actor.kind, starter_id=actor.id)[:SHOWN_RUNS])
    context = {
        "asked_to_publish": requests_for(actor)[:SHOWN_TASKS],
        "budget_questions": questions_for(actor, standing)[:SHOWN_TASKS],
        "tasks": tasks_for(actor, standing).select_related("run__workflow", "department", "claimed_by")[:SHOWN_TASKS],
        "mine": bool(mine),
        "runs": mine or runs[:SHOWN_RUNS],
        "weeks": weeks_of(actor),
        "may_start": bool(actor.departments(Verb.RUN)),
        "workflows": startable(actor)[:SHOWN_WORKFLOWS],
        "templates": suggested(actor),
    }
    return render(request, "workflows/home.html", context)


def startable(actor: Actor) -> QuerySet[Workflow]:
    """Published workflows that this person may start, those used last first."""
    rows = visible(Workflow.objects.filter(archived_at=None, live__isnull=False), actor, verb=Verb.RUN)
    latest = Run.objects.live().filter(workflow=OuterRef("pk")).order_by("-pk").values("created_at")
    last = Subquery(latest[:1])
    return rows.select_related("department").annotate(last=last).order_by(F("last").desc(nulls_last=True), "name")


def weeks_of(actor: Actor) -> Sequence[Week]:
    """One row per department of the actor, counted in one query."""
    names = dict(visible(Department.objects.order_by("name"), actor, path="pk").values_list("pk", "name"))
    counts: dict[Any, dict[str, int]] = {department: {} for department in names}
    recent = visible(Run.objects.live().filter(created_at__gte=Now() - WEEK), actor).order_by()
    for department, status, count in recent.values_list("department", "status").annotate(count=Count("pk")):
        counts[department][status] = count
    return [Week(names[department], counts[department]) for department in names]
