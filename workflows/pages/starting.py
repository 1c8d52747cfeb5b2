"""The start form of a workflow: what it asks for, what was typed, and the files that came along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from connectors.forms import Field, Filled, Form, form_for_inputs, read
from departments.access import visible
from workflows.models import Run, Workflow
from workflows.pages.page import Request, identifier
from workflows.runtime.journey import tree_of
from workflows.services.files import reference, store_file
from workflows.services.refusals import ValidationError

PREFIX = "in-"
"""Keeps the names of inputs apart from the names of our own fields."""


def start_form(workflow: Workflow) -> Form:
    """The form of the live version; call it only where there is one."""
    return form_for_inputs(tree_of(workflow.live_id).definition.inputs, prefix=PREFIX)


def filled_form(request: Request, workflow: Workflow) -> Form:
    """The form as the address asks for it: empty, with the sample (?sample=1), or like an earlier run (?like=ID)."""
    form = start_form(workflow)
    if "sample" in request.GET:
        return form.with_values(workflow.sample)
    earlier = identifier(request.GET.get("like", ""))
    runs = visible(Run.objects.live().filter(workflow=workflow), request.actor)
    run = runs.filter(pk=earlier).first() if earlier else None
    return form.with_values(run.inputs) if run else form


def read_start(request: Request, workflow: Workflow) -> Filled:
    """What was sent. Uploads are stored at once, so that a refused form keeps them."""
    return read_inputs(request, workflow, start_form(workflow))


def read_inputs(request: Request, workflow: Workflow, form: Form) -> Filled:
    """As `read_start`, of any form of inputs."""
    filled = read(form, request.POST, request.FILES)
    values = dict(filled.values)
    fields = []
    for asked in filled.form.fields:
        if asked.widget == "file" and asked.name in values:
            asked, values[asked.name] = _with_file(request, workflow, asked, values[asked.name])
        fields.append(asked)
    return Filled(replace(filled.form, fields=tuple(fields)), values)


def _with_file(
    request: Request, workflow: Workflow, asked: Field, sent: UploadedFile | str
) -> tuple[Field, dict[str, Any] | None]:
    """The field as it shows the stored file, and the file's reference."""
    try:
        stored = _stored(request, workflow, sent)
    except ValidationError as refused:
        return replace(asked, value="", error=" ".join(refused.messages)), None
    if stored is None:
        return replace(asked, value="", error=_("This file is gone. Choose it again.")), None
    return replace(asked, value=stored), stored


def _stored(request: Request, workflow: Workflow, sent: UploadedFile | str) -> dict[str, Any] | None:
    """The reference of an upload, stored now, or of a file that was kept from before; None when there is none."""
    if isinstance(sent, UploadedFile):
        stored = store_file(workflow.department, name=sent.name or "file", content=sent.read(), actor=request.actor)
        return reference(stored).model_dump()
    place = identifier(sent)
    kept = workflow.department.files.filter(pk=place).first() if place else None
    return reference(kept).model_dump() if kept else None
