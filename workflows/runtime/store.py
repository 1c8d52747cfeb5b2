"""The engine's guarded statements: claim, hold, announce. What a settlement decided is written by writing.py.

READ COMMITTED is enough: every update repeats in its WHERE what it relies on. Times come from the database (rule E13).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from audit import sql
from workflows.models import JournalEntry, Run
from workflows.runtime import journey, limits
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey, Step


class LostAuthority(Exception):
    """Somebody else decides about this step now: stop, discard, no effect (rule E3)."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step this worker may perform: it holds the claim token. `now` is the database's time of the claim."""

    journey: Journey
    step: Step
    token: UUID
    now: datetime


def clock() -> datetime:
    """The database's time, the only one the engine goes by."""
    found = sql.row("SELECT clock_timestamp()", [])
    assert found is not None
    moment: datetime = found[0]
    return moment


def claim(step_run_id: UUID, token: UUID) -> Claimed | None:
    """Take the step, if it is ready and its department has room; `token` is fresh. None when it is not to be had.

    Claims that are made at the same moment do not see each other, so near its limit a department makes them one by one.
    """
    values = [token, limits.LEASE.total_seconds(), step_run_id]
    found = sql.row(_CLAIM, [*values, limits.DEPARTMENT_SHARE - limits.CLAIMS_AT_ONCE])
    if found is None and (department_id := _department_of_ready(step_run_id)):
        with transaction.atomic():
            sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(department_id)])
            found = sql.row(_CLAIM, [*values, limits.DEPARTMENT_SHARE])
    fault_point("claim_sent_ack_lost")
    return _claimed(step_run_id, token, found) if found is not None else None


def claimed_before(step_run_id: UUID, token: UUID) -> Claimed | None:
    """What a claim gave whose answer was lost, if it was heard (rule E10)."""
    found = sql.row(_CLAIMED, [step_run_id, token])
    return _claimed(step_run_id, token, found) if found is not None else None


def has_room(department_id: UUID) -> bool:
    """Whether a step of the department may be taken up without asking for it one by one."""
    found = sql.row(_UNDER_WAY, [department_id])
    return found is not None and found[0] < limits.DEPARTMENT_SHARE - limits.CLAIMS_AT_ONCE


def announce_effect(step: Step) -> None:
    """An effect that may happen only once is about to be sent: commit that first (rule E9). Raises LostAuthority."""
    found = sql.row(_ANNOUNCE, [step.id, step.claim_token])
    if found is None:
        raise LostAuthority(step.path)
    step.intent_at = found[0]
    fault_point("intent_committed_before_send")


def may_tell(department_id: UUID) -> bool:
    """Whether workers may be told of one more step of the department.

    The words of all departments lie in one line: one that filled it would keep the others waiting behind its own. What
    is not told is handed out by the scheduler as soon as there is room (case L07).
    """
    found = sql.row(_TOLD, [department_id])
    return found is not None and found[0] < limits.DEPARTMENT_SHARE


def confirm(step: Step) -> None:
    """Raises LostAuthority unless the claim still holds: an effect that is asked about first must not be sent twice."""
    if sql.row(_CONFIRM, [step.id, step.claim_token]) is None:
        raise LostAuthority(step.path)


def lock_run(run_id: UUID, *, wait: bool = True) -> Run | None:
    """The run with its department and workflow, locked until the transaction ends; None when it is over or gone.

    Who does not wait gets None for a run that somebody else has locked, too.
    """
    found = sql.row(_LOCK_RUN if wait else f"{_LOCK_RUN} SKIP LOCKED", [run_id])
    return journey.run_of(found) if found is not None else None


def hold(work: Claimed) -> tuple[Journey, datetime]:
    """Lock the step and its run while this claim holds; the journey as it is now, and the time.

    Raises LostAuthority. The worker's own memory of the journey is as good as the tables where nobody else has written.
    """
    found = sql.row(_HOLD, [work.step.id, work.token])
    if found is None:
        raise LostAuthority(work.step.path)
    seq, now = found
    return work.journey if work.journey.seq == seq else _read_again(work.journey), now


def log(run_id: UUID, event: str, path: str = "", **detail: Any) -> None:
    """One entry from outside a settlement (a sweep, a service). Locks the run, so that the numbers stay dense."""
    Run.objects.filter(pk=run_id).update(seq=F("seq") + 1)
    seq = Run.objects.values_list("seq", flat=True).get(pk=run_id)
    JournalEntry.objects.create(run_id=run_id, seq=seq, event=event, path=path, detail=detail)


def _claimed(step_run_id: UUID, token: UUID, found: tuple[Any, ...]) -> Claimed:
    now, *row = found
    known = journey.load(journey.run_of(row))
    return Claimed(known, next(step for step in known.steps.values() if step.id == step_run_id), token, now)


def _department_of_ready(step_run_id: UUID) -> UUID | None:
    found = sql.row(_READY, [step_run_id])
    return found[0] if found is not None else None


def _read_again(known: Journey) -> Journey:
    found = sql.row(_READ_RUN, [known.run.pk])
    assert found is not None
    fresh = journey.load(journey.run_of(found))
    for path, step in known.steps.items():
        if path in fresh.steps:
            fresh.steps[path].output = step.output
    return fresh


_OVER = "('succeeded', 'failed', 'cancelled')"

_CLAIM = f"""
WITH claimed AS (
    UPDATE workflows_steprun AS step
    SET status = 'running', claim_token = %s, claims = claims + 1,
        lease_until = clock_timestamp() + make_interval(secs => %s),
        started_at = coalesce(started_at, clock_timestamp())
    WHERE step.id = %s AND step.status = 'ready' AND step.run_after <= clock_timestamp() AND (
        SELECT count(*) FROM workflows_steprun AS other
        WHERE other.department_id = step.department_id AND other.status = 'running'
    ) < %s
    RETURNING run_id
)
SELECT clock_timestamp(), {journey.RUN_COLUMNS} FROM claimed JOIN {journey.RUN_TABLES} ON run.id = claimed.run_id
"""

_READY = """
SELECT department_id FROM workflows_steprun WHERE id = %s AND status = 'ready' AND run_after <= clock_timestamp()
"""

_UNDER_WAY = "SELECT count(*) FROM workflows_steprun WHERE department_id = %s AND status = 'running'"

_CLAIMED = f"""
SELECT clock_timestamp(), {journey.RUN_COLUMNS} FROM workflows_steprun AS step
JOIN {journey.RUN_TABLES} ON run.id = step.run_id
WHERE step.id = %s AND step.claim_token = %s AND step.status = 'running'
"""

_ANNOUNCE = """
UPDATE workflows_steprun SET intent_at = clock_timestamp()
WHERE id = %s AND claim_token = %s AND status = 'running' RETURNING intent_at
"""

_TOLD = """
SELECT count(*) FROM workflows_steprun WHERE department_id = %s AND status = 'ready' AND handed_out_at IS NOT NULL
"""

_CONFIRM = "SELECT 1 FROM workflows_steprun WHERE id = %s AND claim_token = %s AND status = 'running'"

_READ_RUN = f"SELECT {journey.RUN_COLUMNS} FROM {journey.RUN_TABLES} WHERE run.id = %s"

_LOCK_RUN = f"{_READ_RUN} AND run.status NOT IN {_OVER} FOR NO KEY UPDATE OF run"

_HOLD = f"""
SELECT run.seq, clock_timestamp() FROM workflows_run AS run
JOIN workflows_steprun AS step ON step.run_id = run.id
WHERE step.id = %s AND step.claim_token = %s AND step.status = 'running' AND run.status NOT IN {_OVER}
FOR NO KEY UPDATE
"""
