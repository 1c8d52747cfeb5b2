"""The engine's statements: guarded updates that claim, and one short transaction that settles.

READ COMMITTED is enough: every update repeats in its WHERE what it relies on. Times come from the database (rule E13).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from workflows.models import Attempt, JournalEntry, Run, RunStatus, StepRun, StepStatus, Task
from workflows.runtime import limits, outputs
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import UNREAD, Step
from workflows.runtime.settling import Settlement


class LostAuthority(Exception):
    """Somebody else decides about this step now: stop, discard, no effect (rule E3)."""


def clock() -> datetime:
    """The database's time, the only one the engine goes by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def claim(step_run_id: UUID) -> UUID | None:
    """Take the step, if it is ready and its department has room. Gives the fresh claim token, or None."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [token, limits.LEASE.total_seconds(), step_run_id, limits.DEPARTMENT_SHARE])
        fault_point("claim_sent_ack_lost")
        return token if cursor.rowcount == 1 else None


def announce_effect(step: Step) -> None:
    """An effect that may happen only once is about to be sent: commit that first (rule E9). Raises LostAuthority."""
    changed = StepRun.objects.filter(pk=step.id, claim_token=step.claim_token, status=StepStatus.RUNNING).update(
        intent_at=Now()
    )
    if not changed:
        raise LostAuthority(step.path)
    fault_point("intent_committed_before_send")


def lock_run(run_id: UUID) -> Run | None:
    """The run with its department and workflow, locked until the transaction ends; None when it is over or gone."""
    run = Run.objects.select_related("department", "workflow").select_for_update(of=("self",)).filter(pk=run_id).first()
    return None if run is None or RunStatus(run.status).is_over else run


def fence(step: Step, token: UUID) -> None:
    """Raises LostAuthority unless this claim still holds. The row stays locked until the transaction ends."""
    held = StepRun.objects.select_for_update().filter(pk=step.id, claim_token=token, status=StepStatus.RUNNING)
    if not held.exists():
        raise LostAuthority(step.path)


def flush(settlement: Settlement, carry_on: Step | None) -> None:
    """Write what was decided; `carry_on` is claimed for this worker in the same breath."""
    run = settlement.run
    if carry_on is not None:
        _claim_here(settlement, carry_on)
    StepRun.objects.bulk_create([_row(settlement, step) for step in settlement.new.values()])
    for step in settlement.changed.values():
        _update(settlement, step)
    Attempt.objects.bulk_create(_attempts(settlement))
    if settlement.tasks and not settlement.is_over:
        Task.objects.bulk_create(settlement.tasks)
    settlement.journey.seq = _write_journal(run.pk, run.seq, settlement.entries, settlement.now)
    _update_run(settlement)
    if settlement.is_over:
        Task.objects.filter(run_id=run.pk, status="open").update(status="cancelled")


def journal(run_id: UUID, event: str, path: str = "", **detail: Any) -> None:
    """One entry from outside a settlement (a sweep, a service). Locks the run, so that the numbers stay dense."""
    Run.objects.filter(pk=run_id).update(seq=F("seq") + 1)
    seq = Run.objects.values_list("seq", flat=True).get(pk=run_id)
    JournalEntry.objects.create(run_id=run_id, seq=seq, event=event, path=path, detail=detail)


_CLAIM = """
UPDATE workflows_steprun AS step
SET status = 'running', claim_token = %s, claims = claims + 1,
    lease_until = clock_timestamp() + make_interval(secs => %s),
    started_at = coalesce(started_at, clock_timestamp())
WHERE step.id = %s AND step.status = 'ready' AND step.run_after <= clock_timestamp() AND (
    SELECT count(*) FROM workflows_steprun AS other
    WHERE other.department_id = step.department_id AND other.status = 'running'
) < %s
"""


def _claim_here(settlement: Settlement, step: Step) -> None:
    step.status = StepStatus.RUNNING
    step.claim_token = uuid.uuid4()
    step.claims += 1
    step.started_at = step.started_at or settlement.now
    settlement.touch(step)


def _row(settlement: Settlement, step: Step) -> StepRun:
    return StepRun(
        id=step.id,
        run_id=settlement.run.pk,
        department_id=settlement.run.department_id,
        path=step.path,
        step_id=step.step_id,
        kind=step.kind,
        priority=settlement.run.priority,
        position=step.position,
        **_columns(settlement, step),
    )


def _update(settlement: Settlement, step: Step) -> None:
    StepRun.objects.filter(pk=step.id).update(**_columns(settlement, step))


def _columns(settlement: Settlement, step: Step) -> dict[str, Any]:
    """What changes about a step in the course of its life."""
    columns: dict[str, Any] = {
        "status": step.status,
        "claim_token": step.claim_token,
        "claims": step.claims,
        "attempts": step.attempts,
        "lease_until": settlement.now + limits.LEASE if step.status == StepStatus.RUNNING else None,
        "run_after": step.run_after or settlement.now,
        "wake_at": step.wake_at if step.status == StepStatus.WAITING else None,
        "waits_for": step.waits_for if step.status == StepStatus.WAITING else "",
        "handed_out_at": settlement.now if step.status == StepStatus.READY and step.run_after is None else None,
        "intent_at": None,
        "inside": step.inside,
        "signal": step.signal,
        "error": step.error,
        "summary": step.summary,
        "cost_usd": step.cost_usd,
        "tokens": step.tokens,
        "started_at": step.started_at,
        "finished_at": settlement.now if not step.is_live else None,
    }
    if step.output is not UNREAD and step.output is not None:
        columns["output"], columns["output_sha256"] = outputs.put_away(step.output)
    return columns


def _attempts(settlement: Settlement) -> Iterable[Attempt]:
    for step, attempted in settlement.attempts:
        yield Attempt(
            step_id=step.id,
            number=step.attempts,
            started_at=step.started_at or settlement.now,
            finished_at=settlement.now,
            error={"code": attempted.error.code, "message": attempted.error.message} if attempted.error else None,
            given=attempted.given,
            calls=attempted.calls,
            cost_usd=sum(float(call.get("cost_usd") or 0) for call in attempted.calls),
            tokens=sum(int(call.get("tokens_in") or 0) + int(call.get("tokens_out") or 0) for call in attempted.calls),
        )


def _write_journal(run_id: UUID, seq: int, entries: list[tuple[str, str, dict[str, Any]]], now: datetime) -> int:
    JournalEntry.objects.bulk_create(
        JournalEntry(run_id=run_id, seq=seq + index, at=now, event=event, path=path, detail=detail)
        for index, (event, path, detail) in enumerate(entries, start=1)
    )
    return seq + len(entries)


def _update_run(settlement: Settlement) -> None:
    run = settlement.run
    run.seq = settlement.journey.seq
    if not settlement.is_over:
        run.status = RunStatus.RUNNING if _is_busy(settlement) else RunStatus.WAITING
    Run.objects.filter(pk=run.pk).update(
        status=run.status,
        seq=run.seq,
        output=run.output,
        error=run.error,
        started_at=run.started_at,
        finished_at=run.finished_at,
        cost_usd=F("cost_usd") + settlement.cost_usd,
        tokens=F("tokens") + settlement.tokens,
    )


def _is_busy(settlement: Settlement) -> bool:
    """Whether anything is being done now, by items too: a retry that lies in the future is a wait."""
    return any(
        step.status == StepStatus.RUNNING
        or (step.status == StepStatus.WAITING and step.waits_for == "children")
        or (step.status == StepStatus.READY and (step.run_after is None or step.run_after <= settlement.now))
        for step in settlement.journey.steps.values()
    )
