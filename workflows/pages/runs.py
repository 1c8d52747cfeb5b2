"""Runs: the list, the page of one that fills while it runs, and what can be done with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.models import Entry
from departments.access import Actor, Verb, may_manage, visible
from workflows.models import Run, RunStatus, TaskStatus, Workflow
from workflows.pages.page import Request, identifier, page, piece_of, words
from workflows.pages.progress import lines_of, waits_for
from workflows.pages.showing import named
from workflows.pages.step import details_of
from workflows.runtime.journey import tree_of
from workflows.services.looking_in import looked_into
from workflows.services.runs import cancel_run, resume_run, retry_run
from workflows.services.sharing import has_lent

SPANS: Mapping[str, timedelta] = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
MOST_ENTRIES = 50
DEEDS = ("may_cancel", "may_retry", "may_resume", "may_repeat", "may_erase")


@page
@require_GET
def runs(request: Request) -> HttpResponse:
    """Newest first, a piece at a time; a filter or "more" asks for the fragment alone."""
    asked = {name: words(request, name) for name in ("status", "workflow", "q", "since", "kind", "after")}
    rows = _filtered(request.actor, asked).select_related("workflow", "department", "version")
    context = {
        "piece": piece_of(rows, asked["after"]),
        "asked": asked,
        "statuses": RunStatus.choices,
        "spans": {"day": _("Last 24 hours"), "week": _("Last 7 days"), "month": _("Last 30 days")},
        "query": _query(asked),
    }
    if request.htmx:
        return render(request, "workflows/_more_runs.html" if asked["after"] else "workflows/_runs.html", context)
    context["workflows"] = visible(Workflow.objects.filter(archived_at=None), request.actor).order_by("name")
    return render(request, "workflows/runs.html", context)


def _filtered(actor: Actor, asked: Mapping[str, str]) -> QuerySet[Run]:
    rows = visible(Run.objects.tests() if asked["kind"] == "tests" else Run.objects.live(), actor)
    if asked["status"] in RunStatus.values:
        rows = rows.filter(status=asked["status"])
    if (workflow := identifier(asked["workflow"])) is not None:
        rows = rows.filter(workflow=workflow)
    if asked["since"] in SPANS:
        rows = rows.filter(created_at__gte=timezone.now() - SPANS[asked["since"]])
    if asked["q"]:
        text = asked["q"]
        rows = rows.filter(Q(title__icontains=text) | Q(started_by__icontains=text) | Q(workflow__name__icontains=text))
    return rows


def _query(asked: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in asked.items() if value and name != "after"})


@page
@require_GET
def run(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    looked_into(shown, request.actor)
    return render(request, "workflows/run.html", context_of(request, shown))


@page
@require_GET
def run_steps(request: Request, pk: UUID) -> HttpResponse:
    """The living part of the run's page. Nothing (204) while it looks as it did: the page then stays as it is."""
    shown = find(request, pk)
    looked_into(shown, request.actor)
    html = render_to_string("workflows/_run.html", context_of(request, shown), request)
    mark = hashlib.sha256(html.encode()).hexdigest()[:16]
    if request.GET.get("seen") == mark:
        return HttpResponse(status=204)
    return HttpResponse(html.replace(NO_MARK, mark))


NO_MARK = "not-yet-seen"


@page
@require_GET
def run_step(request: Request, pk: UUID, step: UUID) -> HttpResponse:
    """What stands behind one step, asked for when it is opened."""
    shown = find(request, pk)
    looked_into(shown, request.actor)
    details = details_of(shown, [step])
    if step not in details:
        raise Http404
    return render(request, "workflows/_step.html", {"run": shown, "details": details[step]})


@page
@require_POST
def cancel(request: Request, pk: UUID) -> HttpResponse:
    return _do(request, pk, cancel_run, _("The run is cancelled."))


@page
@require_POST
def retry(request: Request, pk: UUID) -> HttpResponse:
    return _do(request, pk, retry_run, _("The run goes on from the step that failed."))


@page
@require_POST
def resume(request: Request, pk: UUID) -> HttpResponse:
    return _do(request, pk, resume_run, _("The run goes on from the step that failed, with the newest version."))


def _do(request: Request, pk: UUID, service: Callable[..., Any], said: str) -> HttpResponse:
    shown = find(request, pk)
    service(shown, actor=request.actor)
    messages.success(request, said)
    return redirect("run", pk)


def find(request: Request, pk: UUID) -> Run:
    rows = Run.objects.select_related("workflow__live", "version", "department", "parent", "parent_step")
    return get_object_or_404(visible(rows, request.actor), pk=pk)


def context_of(request: Request, shown: Run) -> dict[str, Any]:
    status = RunStatus(shown.status)
    opened = [step for text in request.GET.getlist("open")[:50] if (step := identifier(text))]
    lines = lines_of(shown, map(str, opened))
    return {
        "run": shown,
        "status": status,
        "waits_for": waits_for(lines) if status == RunStatus.WAITING else "",
        "lines": lines,
        "details": details_of(shown, opened),
        "inputs": inputs_of(shown),
        "decisions": shown.tasks.filter(status=TaskStatus.DECIDED).order_by("decided_at"),
        "entries": Entry.objects.shown().filter(run_id=shown.pk).order_by("pk")[:MOST_ENTRIES],
        **_deeds(request.actor, shown, is_parked=any(line.is_parked for line in lines)),
        "took": shown.finished_at - shown.started_at if shown.finished_at and shown.started_at else None,
    }


def _deeds(actor: Actor, shown: Run, *, is_parked: bool) -> dict[str, bool]:
    """What may be done with the run as it is now. A part of another run is left to the one around it."""
    if shown.parent_id is not None:
        return dict.fromkeys(DEEDS, False)
    is_over, is_whole = RunStatus(shown.status).is_over, shown.erased_at is None
    may_run = actor.may(Verb.RUN, shown.department_id)
    may_go_on = may_run and is_whole and (shown.status == RunStatus.FAILED or is_parked)
    may_cancel = may_run or has_lent(actor, shown)
    return {
        "may_cancel": may_cancel and not is_over and shown.cancel_asked_at is None,
        "may_retry": may_go_on,
        "may_resume": may_go_on and not shown.is_test and shown.workflow.live_id not in (None, shown.version_id),
        "may_repeat": may_run and is_whole and not shown.is_test and is_over and shown.workflow.live_id is not None,
        "may_erase": is_over and is_whole and may_manage(actor, shown.department),
    }


def inputs_of(shown: Run) -> list[tuple[str, Any]]:
    """What the run was given, under the titles of its version's inputs; an item shows its own names instead."""
    asked = tree_of(shown.version_id).definition.inputs
    given = shown.scope if shown.body else shown.inputs
    titles = {name: declared.title for name, declared in asked.items()}
    return [(titles.get(name) or named(name), value) for name, value in given.items() if value is not None]
