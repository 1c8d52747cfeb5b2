"""The bar above the column: saved state, undo and redo, problems, and what the partners of the page add to it."""

from __future__ import annotations

import json
from typing import Any

from workflows.engine.definition import Definition
from workflows.models import Workflow
from workflows.pages import build_tests, publishing
from workflows.pages.build.draft import Found, found_problems
from workflows.pages.page import Request
from workflows.services import drafting, samples


def bar_context(request: Request, workflow: Workflow, definition: Definition) -> dict[str, Any]:
    problems = found_problems(workflow, definition)
    return {
        "problems": problems,
        "marks": _marks(workflow, definition, problems),
        "can_undo": drafting.can_undo(workflow, request.actor),
        "can_redo": drafting.can_redo(workflow, request.actor),
        **publishing.bar_context(request, workflow),
        **build_tests.bar_context(request, workflow),
    }


def _marks(workflow: Workflow, definition: Definition, problems: list[Found]) -> str:
    """What stands at the edge of the cards, as JSON: step → its first problem; steps with a tested result."""
    wrong: dict[str, str] = {}
    for each in problems:
        wrong.setdefault(each.problem.step, each.problem.message)
    return json.dumps(
        {"problems": wrong, "tested": sorted(samples.tested_steps(workflow, definition))}, ensure_ascii=False
    )
