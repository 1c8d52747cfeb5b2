"""Testing while building: the test area of a step, and the test run of the whole workflow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors.forms import Filled, Form, form_for_inputs
from departments.access import Verb
from workflows.engine.cutting import Extent, Part
from workflows.engine.definition import Definition, Node
from workflows.models import Run, Workflow
from workflows.models.states import RUN_OVER
from workflows.pages.build.draft import node_or_404, to_build
from workflows.pages.build_test_area import PREFIX, Progress, area_of, form_of, progress_of, tests_of
from workflows.pages.cards import title_of
from workflows.pages.page import Request, page
from workflows.pages.starting import read_inputs
from workflows.pages.workflows import sentences
from workflows.services import samples, testing
from workflows.services.estimates import estimate
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run

NO_MARK = "not-yet-seen"


# ── what the build page includes ─────────────────────────────────────────────────────────────────────────────────────


def context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """For `_test.html`, in the panel of a step."""
    return {"workflow": workflow, "test": area_of(workflow, definition, node)}


def bar_context(request: Request, workflow: Workflow) -> dict[str, Any]:
    """For `_test_run.html`, in the bar above the column."""
    may_test = all(request.actor.may(verb, workflow.department_id) for verb in (Verb.EDIT, Verb.RUN))
    return {"may_test": may_test}


# ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "POST"])
def test(request: Request, pk: UUID) -> HttpResponse:
    """GET: the sheet of the whole test. POST: begin a test of the whole (`extent` is whole) or of one step."""
    workflow = to_build(request, pk)
    if request.method == "GET":
        return _sheet(request, workflow)
    part = _part(request)
    return _begin_whole(request, workflow) if part.extent is Extent.WHOLE else _begin_part(request, workflow, part)


@page
@require_GET
def test_run(request: Request, pk: UUID, run: UUID) -> HttpResponse:
    """How far it is. `at` names the step in whose panel it is shown."""
    workflow = to_build(request, pk)
    shown = progress_of(get_object_or_404(tests_of(workflow), pk=run), request.GET.get("at", "")[:60])
    return _progress(request, workflow, shown)


@page
@require_POST
def stop_test(request: Request, pk: UUID, run: UUID) -> HttpResponse:
    workflow = to_build(request, pk)
    found = get_object_or_404(tests_of(workflow), pk=run)
    try:
        cancel_run(found, actor=request.actor)
    except Conflict:  # it was faster, and its end is shown
        found.refresh_from_db()
    return _progress(request, workflow, progress_of(found, request.POST.get("at", "")[:60]))


def _part(request: Request) -> Part:
    try:
        extent = Extent(request.POST.get("extent", "whole"))
    except ValueError:
        raise Http404 from None
    return Part() if extent is Extent.WHOLE else Part(extent, request.POST.get("step", "")[:60])


def _begin_part(request: Request, workflow: Workflow, part: Part) -> HttpResponse:
    """The test area with the test under way, or with the reason why there is none (422)."""
    definition = testing.draft_of(workflow)
    node = node_or_404(definition, part.step)
    send = request.POST.get("send") == "1"
    filled = read_inputs(request, workflow, form_of(workflow, definition, node))
    try:
        inputs = _inputs_of(workflow, definition, part, filled)
        run = testing.start_test(workflow, actor=request.actor, part=part, inputs=inputs, send=send)
    except ValidationError as refused:
        form = filled.form.with_errors(sentences(refused)) if hasattr(refused, "error_dict") else filled.form
        area = area_of(workflow, definition, node, form, refused=tuple(_reasons(definition, refused)), sends=send)
        return render(request, "workflows/build/_test.html", {"workflow": workflow, "test": area}, status=422)
    area = replace(area_of(workflow, definition, node), last=progress_of(_fresh(workflow, run), node.id))
    return render(request, "workflows/build/_test.html", {"workflow": workflow, "test": area})


def _inputs_of(workflow: Workflow, definition: Definition, part: Part, filled: Filled) -> dict[str, Any] | None:
    """What was typed beside what is known, as far as the part asks for it; None where nothing was typed."""
    typed = {name: value for name, value in filled.values.items() if value not in (None, "", [])}
    if not typed:
        return None
    asked = testing.part_of(definition, part).inputs
    known = {**samples.sample_inputs(workflow, definition, made=False), **typed}
    return {name: value for name, value in known.items() if name in asked}


def _begin_whole(request: Request, workflow: Workflow) -> HttpResponse:
    definition = testing.draft_of(workflow)
    filled = read_inputs(request, workflow, form_for_inputs(definition.inputs, prefix=PREFIX))
    send = request.POST.get("send") == "1"
    if not filled.form.is_good:
        return _sheet(request, workflow, form=filled.form, sends=send, status=422)
    try:
        run = testing.start_test(workflow, actor=request.actor, inputs=dict(filled.values), send=send)
    except ValidationError as refused:
        if hasattr(refused, "error_dict"):
            form = filled.form.with_errors(sentences(refused))
            return _sheet(request, workflow, form=form, sends=send, status=422)
        return _sheet(request, workflow, form=filled.form, sends=send, refused=refused.messages, status=422)
    return _progress(request, workflow, progress_of(_fresh(workflow, run)))


def _fresh(workflow: Workflow, run: Run) -> Run:
    found: Run = tests_of(workflow).get(pk=run.pk)
    return found


def _reasons(definition: Definition, refused: ValidationError) -> list[str]:
    """What is missing, by the titles of what is named."""
    if not hasattr(refused, "error_dict"):
        return list(refused.messages)
    titles = {node.id: title_of(node) for node in definition.nodes()}
    titles |= {name: asked.title or name for name, asked in definition.inputs.items()}
    return [f"{titles.get(name, name)}: {' '.join(texts)}" for name, texts in refused.message_dict.items()]


def _sheet(
    request: Request,
    workflow: Workflow,
    form: Form | None = None,
    refused: Sequence[str] = (),
    *,
    sends: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The form of the whole test; while one of one's own is under way, that."""
    under_way = None if form or "again" in request.GET else _under_way(request, workflow)
    if under_way is not None:
        return _progress(request, workflow, progress_of(under_way))
    definition = testing.draft_of(workflow)
    given = samples.sample_inputs(workflow, definition, made=False)
    context = {
        "workflow": workflow,
        "last": _own(request, workflow).first(),
        "form": form or form_for_inputs(definition.inputs, prefix=PREFIX).with_values(given),
        "estimate": estimate(workflow, definition, definition.steps),
        "sending": [title_of(node) for node in testing.sends(definition)],
        "refused": refused,
        "sends": sends,
    }
    return render(request, "workflows/build/_test_sheet.html", context, status=status)


def _under_way(request: Request, workflow: Workflow) -> Run | None:
    return _own(request, workflow).exclude(status__in=RUN_OVER).first()


def _own(request: Request, workflow: Workflow) -> QuerySet[Run]:
    """The tests of the whole that this person began, the newest first."""
    mine = {"starter_kind": request.actor.kind, "starter_id": request.actor.id}
    return tests_of(workflow).filter(version__part="", **mine).order_by("-pk")


def _progress(request: Request, workflow: Workflow, shown: Progress) -> HttpResponse:
    """Nothing (204) while it looks as it did: a screen reader then says nothing twice."""
    html = render_to_string("workflows/build/_test_progress.html", {"workflow": workflow, "progress": shown}, request)
    mark = hashlib.sha256(html.encode()).hexdigest()[:16]
    if not shown.is_over and request.GET.get("seen") == mark:
        return HttpResponse(status=204)
    if not shown.is_over:
        return HttpResponse(html.replace(NO_MARK, mark))
    answer = HttpResponse(html)
    if "seen" in request.GET or request.method == "POST":
        answer["HX-Trigger"] = "samples-changed"
    return answer
