"""The start form of a workflow: what it asks for, what was typed, and the files that came along."""

from __future__ import annotations

from functools import partial

from connectors.forms import Filled, Form, form_for_inputs, read
from departments.access import Verb, visible
from workflows.models import Run, StoredFile, Workflow
from workflows.pages.page import Request, identifier
from workflows.pages.uploaded import with_files
from workflows.runtime.journey import tree_of
from workflows.services.files import store_for_use
from workflows.services.looking_in import looked_into

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
    if run is None:
        return form
    looked_into(run, request.actor)
    return form.with_values(run.inputs)


def read_start(request: Request, workflow: Workflow) -> Filled:
    """What was sent. Uploads are stored at once, so that a refused form keeps them."""
    return read_inputs(request, workflow, start_form(workflow))


def read_inputs(request: Request, workflow: Workflow, form: Form) -> Filled:
    """As `read_start`, of any form of inputs. Whoever is not of the department names no file but those they brought."""
    filled = read(form, request.POST, request.FILES)
    is_of_it = request.actor.may(Verb.VIEW, workflow.department_id)
    brought_by = "" if is_of_it else request.actor.label
    return with_files(filled, workflow.department, partial(_store, request, workflow), brought_by=brought_by)


def _store(request: Request, workflow: Workflow, name: str, content: bytes) -> StoredFile:
    return store_for_use(workflow, name=name, content=content, actor=request.actor)
