"""Testing while building: the test area of a step, and the test run of the whole workflow."""

from __future__ import annotations

from typing import Any

from workflows.engine.definition import Definition, Node
from workflows.models import Workflow
from workflows.pages.page import Request


def context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """For `_test.html`, in the panel of a step."""
    return {"test": None}


def bar_context(request: Request, workflow: Workflow) -> dict[str, Any]:
    """For `_test_run.html`, in the bar above the column."""
    return {"test_run": None}
