"""What Celery calls."""

from __future__ import annotations

import threading
from uuid import UUID

from celery import shared_task
from celery.signals import worker_shutting_down

from audit.sql import release
from workflows.runtime import worker
from workflows.runtime.faults import fault_point
from workflows.runtime.heartbeat import HEART

HAND_BACK_AFTER_S = 4.0
"""A worker that is asked to stop has so long for its steps; what is left then, others may have at once."""


@worker_shutting_down.connect
def hand_back(**_: object) -> None:
    timer = threading.Timer(HAND_BACK_AFTER_S, _hand_back)
    timer.daemon = True
    timer.start()


def _hand_back() -> None:
    try:
        HEART.let_go()
    finally:
        release()


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
