"""What Celery calls."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from workflows.runtime import worker
from workflows.runtime.faults import fault_point


@shared_task(name="look", ignore_result=True)
def look(kind: str, id: str) -> None:
    """Look at a run or a step and do what the database says is to be done there."""
    try:
        known = UUID(id)
    except (ValueError, AttributeError, TypeError):
        return
    if kind in ("run", "step"):
        fault_point("msg_received_before_claim")
        worker.look(kind, known)  # type: ignore[arg-type]
