"""A workflow of another department that is shared with somebody: they start it, and see what they started."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors.forms import Form
from workflows.models import Run, RunStatus, Workflow
from workflows.pages.page import Request, page
from workflows.pages.runs import inputs_of
from workflows.pages.starting import read_start, start_form
from workflows.pages.workflows import sentences
from workflows.services.runs import cancel_run, start_run
from workflows.services.sharing import find_lent, find_own_run, own_runs

RECENT_RUNS = 50


@page
@require_http_methods(["GET", "HEAD", "POST"])
def shared(request: Request, pk: UUID) -> HttpResponse:
    """Its form, and one's own runs; a refused form comes back as it was typed (422)."""
    workflow = find_lent(request.actor, pk)
    if workflow is None:
        raise Http404
    if request.method != "POST":
        return _page(request, workflow, start_form(workflow))
    filled = read_start(request, workflow)
    if not filled.form.is_good:
        return _page(request, workflow, filled.form, 422)
    try:
        run = start_run(workflow, inputs=dict(filled.values), actor=request.actor)
    except ValidationError as refused:
        return _page(request, workflow, filled.form.with_errors(sentences(refused)), 422)
    return redirect("shared_run", run.pk)


@page
@require_GET
def run(request: Request, pk: UUID) -> HttpResponse:
    """What went in, how it stands, what came out: no step, no decision, nobody's name of the other department."""
    shown = _own(request, pk)
    status = RunStatus(shown.status)
    context: dict[str, Any] = {
        "run": shown,
        "status": status,
        "inputs": inputs_of(shown),
        "may_cancel": not status.is_over and shown.cancel_asked_at is None,
        "took": shown.finished_at - shown.started_at if shown.finished_at and shown.started_at else None,
    }
    return render(request, "workflows/_shared_run.html" if request.htmx else "workflows/shared_run.html", context)


@page
@require_POST
def cancel(request: Request, pk: UUID) -> HttpResponse:
    cancel_run(_own(request, pk), actor=request.actor)
    messages.success(request, _("The run is cancelled."))
    return redirect("shared_run", pk)


def _own(request: Request, pk: UUID) -> Run:
    found = find_own_run(request.actor, pk)
    if found is None:
        raise Http404
    return found


def _page(request: Request, workflow: Workflow, form: Form, status: int = 200) -> HttpResponse:
    runs = own_runs(request.actor, workflow).order_by("-pk")[:RECENT_RUNS]
    context = {"workflow": workflow, "form": form, "runs": runs}
    return render(request, "workflows/shared.html", context, status=status)
