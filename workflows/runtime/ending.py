"""Ending runs from outside: a cancelled run takes everything inside it along."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from audit import sql
from workflows.models import JournalEntry, Run, StepRun
from workflows.models.states import STEP_OVER
from workflows.runtime import tasks
from workflows.runtime.faults import fault_point


def cancel(run: Run) -> int:
    """Cancel a locked run and every run inside it; how many there were. Inside a transaction."""
    cancelled = _cancel([run.pk, *inside(run.pk)])
    fault_point("cancel_between_any")
    return cancelled


def cancel_children(step_run_ids: list[UUID]) -> int:
    """Nobody waits for the children of these steps any more: whatever is under way there is cancelled."""
    return _cancel(_ids(_INSIDE, step_run_ids))


def inside(run_id: UUID) -> list[UUID]:
    """The live runs inside this one, at every depth."""
    return _ids(_DESCENDANTS, run_id)


def _cancel(run_ids: list[UUID]) -> int:
    if not run_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL_RUNS, [run_ids])
        cancelled = cursor.fetchall()
    ids = [run_id for run_id, _ in cancelled]
    StepRun.objects.filter(run_id__in=ids).exclude(status__in=STEP_OVER).update(
        status="cancelled", claim_token=None, lease_until=None, finished_at=Now()
    )
    tasks.end_open(run_id__in=ids)
    JournalEntry.objects.bulk_create(
        JournalEntry(run_id=run_id, seq=seq, event="run.cancelled") for run_id, seq in cancelled
    )
    return len(cancelled)


def _ids(statement: str, outermost: UUID | list[UUID]) -> list[UUID]:
    return [row[0] for row in sql.rows(statement, [outermost])]


_RUNS_INSIDE = """
WITH RECURSIVE inside AS (
    SELECT id, status FROM workflows_run WHERE {outermost}
    UNION ALL
    SELECT run.id, run.status FROM workflows_run AS run JOIN inside ON run.parent_id = inside.id
)
SELECT id FROM inside WHERE status NOT IN ('succeeded', 'failed', 'cancelled')
"""
_DESCENDANTS = _RUNS_INSIDE.format(outermost="parent_id = %s")
_INSIDE = _RUNS_INSIDE.format(outermost="parent_step_id = ANY(%s)")

_CANCEL_RUNS = """
UPDATE workflows_run SET status = 'cancelled', seq = seq + 1, held = false, finished_at = clock_timestamp()
WHERE id = ANY(%s) AND status NOT IN ('succeeded', 'failed', 'cancelled')
RETURNING id, seq
"""
