"""The switch of manual mode as it stands on the page of one workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.models import ManualMode, Workflow
from workflows.pages.page import Request
from workflows.services.manual_mode import may_switch, waiting_tasks

FOR_WORKFLOW = "workflow:"


def switch_of(request: Request, workflow: Workflow) -> Mapping[str, Any]:
    """What is on there, or what the form for switching it on needs; nothing for whoever may not."""
    if workflow.live_id is None or not may_switch(request.actor, workflow.department, workflow):
        return {}
    on_now = ManualMode.objects.filter(workflow=workflow, off_at=None).first()
    return {
        "manual_scope": f"{FOR_WORKFLOW}{workflow.pk}",
        "manual_mode": on_now,
        "untaken": waiting_tasks(on_now).filter(claimed_by=None).count() if on_now is not None else 0,
    }
