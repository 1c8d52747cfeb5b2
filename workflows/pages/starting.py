"""The start form of a workflow: what it asks for, what was typed, and the files that came along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from connectors.forms import Filled, Form, form_for_inputs, read
from departments.access import visible
from workflows.models import Run, Workflow
from workflows.pages.page import Request, identifier
from workflows.runtime.journey import tree_of
from workflows.services.files import reference, store_file

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
    run = visible(Run.objects.filter(workflow=workflow), request.actor).filter(pk=earlier).first() if earlier else None
    return form.with_values(run.inputs) if run else form


def read_start(request: Request, workflow: Workflow) -> Filled:
    """What was sent. Uploads are stored at once, so that a refused form keeps them."""
    filled = read(start_form(workflow), request.POST, request.FILES)
    values = dict(filled.values)
    fields = []
    for asked in filled.form.fields:
        if asked.widget == "file" and asked.name in values:
            stored = _stored(request, workflow, values[asked.name])
            asked = (
                replace(asked, value=stored)
                if stored
                else replace(asked, value="", error=_("This file is gone. Choose it again."))
            )
            values[asked.name] = stored
        fields.append(asked)
    return Filled(replace(filled.form, fields=tuple(fields)), values)


def _stored(request: Request, workflow: Workflow, sent: UploadedFile | str) -> dict[str, Any] | None:
    """The reference of an upload, stored now, or of a file that was kept from before; None when there is none."""
    if isinstance(sent, UploadedFile):
        stored = store_file(workflow.department, name=sent.name or "file", content=sent.read(), actor=request.actor)
        return reference(stored).model_dump()
    kept = workflow.department.files.filter(pk=identifier(sent)).first()
    return reference(kept).model_dump() if kept else None
