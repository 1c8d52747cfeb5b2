"""The library on the build page: the line of a step that says where it was taken from."""

from __future__ import annotations

from typing import Any

from workflows.engine.definition import Definition, Node
from workflows.models import Workflow
from workflows.pages.page import Request


def step_context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """What `workflows/build/_saved.html` shows for one step."""
    return {"saved": None}
