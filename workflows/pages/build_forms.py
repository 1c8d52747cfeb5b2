"""The form of a step on the build page: its fields with what the draft says, and what a change of them does."""

from __future__ import annotations

from typing import Any

from connectors.forms import Form, form_for_model
from workflows.engine.definition import Definition, Node
from workflows.models import Workflow
from workflows.pages.page import Request
from workflows.runtime.kinds import kinds

PREFIX = "with-"
"""Keeps the names of parameters apart from the names of our own fields."""


def context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """What templates/workflows/build/_form.html shows: `step_form` holds the fields of the step's parameters."""
    return {"step_form": form_of(node)}


def form_of(node: Node) -> Form:
    """The parameters of the step as they are drafted; no fields for a kind that is not installed."""
    kind = kinds().get(node.kind)
    return form_for_model(kind.Params, node.given, prefix=PREFIX) if kind else Form(())
