"""The pinned result of a step: shown in the panel, and edited there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, create_model

from connectors.forms import Form, form_for_model, read
from workflows.engine.definition import Node
from workflows.models import Workflow
from workflows.pages.build.draft import node_or_404, to_build
from workflows.pages.build_test_area import area_of
from workflows.pages.page import Request, page
from workflows.pages.workflows import sentences
from workflows.runtime.kinds import kinds
from workflows.services import samples, testing

PREFIX = "sample-"
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
}


@page
@require_http_methods(["GET", "POST", "DELETE"])
def sample(request: Request, pk: UUID, step: str) -> HttpResponse:
    """GET: the test area of the step, or with `edit` the form of its sample. POST keeps it, DELETE forgets it."""
    workflow = to_build(request, pk)
    node = node_or_404(testing.draft_of(workflow), step)
    if request.method == "POST":
        return _keep(request, workflow, node)
    if request.method == "DELETE":
        samples.unpin(workflow, node.id, actor=request.actor)
        return _area(request, workflow, node)
    return (
        _editor(request, workflow, node, _form(workflow, node))
        if "edit" in request.GET
        else _area(request, workflow, node)
    )


def _keep(request: Request, workflow: Workflow, node: Node) -> HttpResponse:
    filled = read(form_for_model(model_of(node), prefix=PREFIX), request.POST)
    if not filled.form.is_good:
        return _editor(request, workflow, node, filled.form, status=422)
    empty = dict.fromkeys(model_of(node).model_fields)
    try:
        samples.pin(workflow, node, {**empty, **filled.values}, actor=request.actor)
    except ValidationError as refused:
        return _editor(request, workflow, node, filled.form.with_errors(sentences(refused)), status=422)
    return _area(request, workflow, node)


def model_of(node: Node) -> type[BaseModel]:
    """What the step gives, as a model: the kind's own, or one made of the fields that this step has."""
    kind = kinds().get(node.kind)
    if kind is None:
        raise Http404
    fields = kind.output_fields(node.given) or {}
    if set(fields) == set(kind.Output.model_fields):
        return kind.Output
    asked: dict[str, Any] = {name: (TYPES.get(type_, Any), ...) for name, type_ in fields.items()}
    return create_model("Result", **asked)


def _form(workflow: Workflow, node: Node) -> Form:
    known = samples.samples_of(workflow, [node]).get(node.id)
    return form_for_model(model_of(node), samples.value_of(known) if known else {}, prefix=PREFIX)


def _editor(request: Request, workflow: Workflow, node: Node, form: Form, status: int = 200) -> HttpResponse:
    context = {"workflow": workflow, "node": node, "form": form}
    return render(request, "workflows/build/_sample.html", context, status=status)


def _area(request: Request, workflow: Workflow, node: Node) -> HttpResponse:
    context = {"workflow": workflow, "test": area_of(workflow, testing.draft_of(workflow), node)}
    return render(request, "workflows/build/_test.html", context)
