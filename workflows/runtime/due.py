"""What is due: waits whose time has come, and steps and runs that somebody has to be told about."""

from __future__ import annotations

import logging
from typing import Any, Protocol
from uuid import UUID

from django.db import Error, InterfaceError, OperationalError

from audit import sql
from workflows.runtime import limits, queue
from workflows.runtime.faults import fault_point

log = logging.getLogger(__name__)


class Hands(Protocol):
    """Who does what the sweep finds."""

    def tell(self, kind: queue.Kind, id: UUID, priority: int) -> bool:
        """Have a worker told, or do it here; False when neither is possible now."""

    def do(self, kind: queue.Kind, id: UUID) -> bool:
        """Do it here; False when there is no free place."""

    def places(self) -> int:
        """How many could be done here now."""


def wake_sleepers() -> int:
    """Waits whose time has come."""
    fault_point("timer_due_before_cas")
    return len(_change(_WAKE, _find(_SLEEPERS, [limits.SWEEP_BATCH])))


def hand_out(hands: Hands) -> int:
    """Steps and runs that nobody was told about yet; of each department as many as it has room for."""
    steps = _change(_TELL_STEPS, _find(_NEW_STEPS, _new_steps()))
    fault_point("sweeper_cas_before_publish")
    runs = _change(_TELL_RUNS, _find(_NEW_RUNS, [limits.SWEEP_BATCH]))
    found: list[tuple[queue.Kind, UUID, int]] = [("step", *row) for row in steps] + [("run", *row) for row in runs]
    left = [id for kind, id, priority in found if not hands.tell(kind, id, priority)]
    if left:
        sql.execute(_PUT_BACK, [left, left])
    return len(found) - len(left)


def _new_steps() -> list[Any]:
    suspect, batch = limits.SUSPECT_CLAIMS, limits.SWEEP_BATCH
    forgotten = limits.FORGOTTEN.total_seconds()
    return [forgotten, suspect, suspect, limits.DEPARTMENT_SHARE, suspect, forgotten, batch, batch]


def take_up_forgotten(hands: Hands) -> int:
    """Hand-outs that nobody took up: their words were lost, so they are done here, as many as there are places."""
    forgotten, places = limits.FORGOTTEN.total_seconds(), min(hands.places(), limits.SWEEP_BATCH)
    if not places:
        return 0
    steps = _change(_TELL_STEPS, _find(_FORGOTTEN_STEPS, [limits.SUSPECT_CLAIMS, 10 * forgotten, forgotten, places]))
    runs = _change(_TELL_RUNS, _find(_FORGOTTEN_RUNS, [forgotten, places - len(steps)]))
    found: list[tuple[queue.Kind, UUID]] = [("step", row[0]) for row in steps] + [("run", row[0]) for row in runs]
    return sum(hands.do(kind, id) for kind, id in found)


def _find(statement: str, values: list[Any]) -> list[UUID]:
    return [row[0] for row in sql.rows(statement, values)]


def _change(statement: str, ids: list[UUID]) -> sql.Rows:
    """What the guarded update changed. A row that cannot be changed is left, and named in the log (case P17)."""
    if not ids:
        return []
    try:
        return sql.rows(statement, [ids])
    except (OperationalError, InterfaceError):
        raise
    except Error:
        if len(ids) == 1:
            log.exception("sweep.failed: %s cannot be changed", ids[0])
            return []
    return [row for id in ids for row in _change(statement, [id])]


# The statements that find take the time by a subselect: as a volatile function it could not be looked up in an index.
_SLEEPERS = """
SELECT id FROM workflows_steprun
WHERE status = 'waiting' AND wake_at <= (SELECT clock_timestamp()) ORDER BY wake_at LIMIT %s
"""

_WAKE = """
WITH due AS (
    SELECT id FROM workflows_steprun WHERE id = ANY(%s) AND status = 'waiting' AND wake_at <= clock_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE workflows_steprun AS step SET status = 'ready', wake_at = NULL, waits_for = '', handed_out_at = NULL,
    run_after = clock_timestamp(), signal = '{"kind": "timer"}'
FROM due WHERE step.id = due.id
RETURNING step.id
"""

# Who was lost with its worker several times may be what kills it (case K23): such steps are begun one at a time.
_NEW_STEPS = """
WITH busy AS (
    SELECT department_id, count(*) AS steps FROM workflows_steprun
    WHERE status = 'running' OR (status = 'ready' AND handed_out_at IS NOT NULL) GROUP BY department_id
), suspect AS (
    SELECT id, coalesce(handed_out_at >= (SELECT clock_timestamp()) - make_interval(secs => %s), false) AS is_told
    FROM workflows_steprun
    WHERE status = 'ready' AND claims >= %s AND run_after <= (SELECT clock_timestamp())
), next_suspect AS (
    SELECT id FROM suspect
    WHERE NOT EXISTS (SELECT 1 FROM suspect WHERE is_told)
        AND NOT EXISTS (SELECT 1 FROM workflows_steprun WHERE status = 'running' AND claims > %s)
    ORDER BY id LIMIT 1
), due AS (
    SELECT step.id, step.priority,
        row_number() OVER (PARTITION BY step.department_id ORDER BY step.priority, step.run_after) AS place,
        %s - coalesce(busy.steps, 0) AS room
    FROM (
        SELECT id, department_id, priority, run_after FROM workflows_steprun
        WHERE status = 'ready' AND claims < %s AND run_after <= (SELECT clock_timestamp()) AND (
            handed_out_at IS NULL
            OR (claims > 0 AND handed_out_at < (SELECT clock_timestamp()) - make_interval(secs => %s))
        )
        ORDER BY run_after LIMIT 50 * %s
    ) AS step LEFT JOIN busy USING (department_id)
), fair AS (
    SELECT id FROM due WHERE place <= room ORDER BY priority, place LIMIT %s
)
SELECT id FROM next_suspect UNION ALL SELECT id FROM fair
"""

# What has lost a worker before may have killed it: it is left to workers as long as it may be that one answers.
_FORGOTTEN_STEPS = """
SELECT id FROM workflows_steprun
WHERE status = 'ready' AND claims < %s AND run_after <= (SELECT clock_timestamp())
    AND (claims = 0 OR run_after < (SELECT clock_timestamp()) - make_interval(secs => %s))
    AND handed_out_at < (SELECT clock_timestamp()) - make_interval(secs => %s)
ORDER BY priority, run_after LIMIT %s
"""

# Their runs are shown as running; a run that somebody holds is being worked on anyway.
_TELL_STEPS = """
WITH due AS (
    SELECT id FROM workflows_steprun WHERE id = ANY(%s) AND status = 'ready' FOR NO KEY UPDATE SKIP LOCKED
), told AS (
    UPDATE workflows_steprun AS step SET handed_out_at = clock_timestamp() FROM due WHERE step.id = due.id
    RETURNING step.id, step.priority, step.run_id
), free AS (
    SELECT id FROM workflows_run WHERE id IN (SELECT run_id FROM told) AND status = 'waiting'
    FOR NO KEY UPDATE SKIP LOCKED
), shown AS (
    UPDATE workflows_run AS run SET status = 'running' FROM free WHERE run.id = free.id
)
SELECT id, priority FROM told ORDER BY priority
"""

_NEW_RUNS = """
SELECT id FROM workflows_run WHERE status = 'queued' AND NOT held AND handed_out_at IS NULL
ORDER BY priority, created_at LIMIT %s
"""

_FORGOTTEN_RUNS = """
SELECT id FROM workflows_run
WHERE status = 'queued' AND NOT held AND handed_out_at < (SELECT clock_timestamp()) - make_interval(secs => %s)
ORDER BY priority, created_at LIMIT %s
"""

_TELL_RUNS = """
WITH due AS (
    SELECT id FROM workflows_run WHERE id = ANY(%s) AND status = 'queued' AND NOT held FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE workflows_run AS run SET handed_out_at = clock_timestamp() FROM due WHERE run.id = due.id
RETURNING run.id, run.priority
"""

_PUT_BACK = """
WITH steps AS (UPDATE workflows_steprun SET handed_out_at = NULL WHERE id = ANY(%s) AND status = 'ready')
UPDATE workflows_run SET handed_out_at = NULL WHERE id = ANY(%s) AND status = 'queued'
"""
