"""What the scheduler does each tick. Every sweep is a guarded update back to `ready`, in small batches (rule E12)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models.functions import Now

from audit import sql
from workflows.models import Assignee, Run, RunStatus, StepRun, StepStatus
from workflows.runtime import children, journey, limits, listening, store, tasks
from workflows.runtime.due import Hands, hand_out, take_up_forgotten, wake_sleepers
from workflows.runtime.faults import fault_point
from workflows.runtime.settling import MAY_BE_SENT

log = logging.getLogger(__name__)


def sweep(hands: Hands, *more: Callable[[], int]) -> int:
    """One round of everything; how many rows were moved. What fails does not keep the rest from it (case P17).

    `more` are parts that live on a higher floor.
    """
    parts: tuple[Callable[[], int], ...] = (
        expire_leases,
        wake_sleepers,
        join_orphans,
        listening.look_again,
        expire_runs,
        forget_keys,
        forget_events,
        forget_deliveries,
        partial(hand_out, hands),
        partial(take_up_forgotten, hands),
        *more,
    )
    return sum(_part(part) for part in parts)


def expire_leases() -> int:
    """Steps whose worker has gone: ready again, or put aside for a person."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [limits.SWEEP_BATCH])
        found = cursor.fetchall()
    fault_point("sweeper_read_before_cas")
    return sum(_one_by_one(_expire, *row) for row in found)


def join_orphans() -> int:
    """Steps whose children have all ended while nobody looked."""
    with connection.cursor() as cursor:
        cursor.execute(_JOINABLE, [limits.SWEEP_BATCH])
        found = [row[0] for row in cursor.fetchall()]
    return sum(children.join(step_run_id) for step_run_id in found)


def expire_runs() -> int:
    """Runs that have lived for 90 days."""
    with connection.cursor() as cursor:
        cursor.execute(_OLD_RUNS, [limits.SWEEP_BATCH])
        found = cursor.fetchall()
    return sum(_one_by_one(_end_old_run, *row) for row in found)


def forget_keys() -> int:
    """Idempotency keys that are older than we promise to know them."""
    with connection.cursor() as cursor:
        cursor.execute(_OLD_KEYS, [limits.KEYS_KEPT.total_seconds(), limits.SWEEP_BATCH])
        return int(cursor.rowcount)


def forget_events() -> int:
    """What triggers have heard long ago, with what other systems sent; no repeat comes so late.

    In a department that is under a legal hold all is kept (rule A12).
    """
    with connection.cursor() as cursor:
        cursor.execute(_OLD_EVENTS, [limits.SWEEP_BATCH, limits.EVENTS_KEPT.total_seconds()])
        return int(cursor.rowcount)


def forget_deliveries() -> int:
    """What other systems were told long ago, and each try of it; all is kept under a legal hold."""
    with connection.cursor() as cursor:
        cursor.execute(_OLD_DELIVERIES, [limits.SWEEP_BATCH, limits.DELIVERIES_KEPT.total_seconds()])
        return int(cursor.rowcount)


def name_strangers() -> int:
    """Runs in a state that only a newer release knows, after a deployment was taken back: left alone, and named."""
    found = sql.rows(_STRANGERS, [list(RunStatus.values), limits.SWEEP_BATCH])
    for run_id, status in found:
        log.error("run.unknown: run %s is “%s”, which this release does not know; it is left alone", run_id, status)
    return 0


def _part(part: Callable[[], int]) -> int:
    try:
        return part()
    except Error as error:
        log.warning("sweep.waits: %s (%s)", getattr(part, "__name__", "hand_out"), type(error).__name__)
        connection.close()
        return 0


def _one_by_one(treat: Callable[..., bool], *row: object) -> bool:
    """A row that cannot be treated must not keep the others from it (case P17)."""
    try:
        with transaction.atomic():
            return treat(*row)
    except Exception:
        log.exception("sweep.failed: %s on %s", treat.__name__, row)
        return False


def _expire(step_run_id: UUID, run_id: UUID, token: UUID) -> bool:
    if store.lock_run(run_id, wait=False) is None:
        return False
    lost = StepRun.objects.filter(
        pk=step_run_id, claim_token=token, status=StepStatus.RUNNING, lease_until__lt=store.clock()
    )
    step = lost.order_by().select_for_update(of=("self",), skip_locked=True).first()
    if step is None:
        return False
    reason = _why_parked(step)
    step.status = StepStatus.PARKED if reason else StepStatus.READY
    step.claim_token, step.lease_until, step.handed_out_at, step.run_after = None, None, None, Now()
    step.error = reason or step.error
    step.save(update_fields=["status", "claim_token", "lease_until", "handed_out_at", "run_after", "error"])
    if reason:
        _ask_a_person(step, reason)
    store.log(run_id, "step.parked" if reason else "step.lost", step.path, claims=step.claims, **(reason or {}))
    if reason:
        _wait_if_idle(run_id)
    return True


def _why_parked(step: StepRun) -> dict[str, str] | None:
    if step.intent_at is not None:
        return {
            "code": "outcome_unknown",
            "message": f"The worker was lost while this step was sending. {MAY_BE_SENT}",
            "step": step.step_id,
            "title": step.kind,
        }
    if step.claims >= limits.MOST_CLAIMS:
        return {
            "code": "quarantined",
            "message": f"The step was begun {step.claims} times and its worker was lost each time. "
            "Look for what it does to its worker, then run it again.",
            "step": step.step_id,
            "title": step.kind,
        }
    return None


def _ask_a_person(step: StepRun, reason: Mapping[str, str]) -> None:
    """A parked step goes on when somebody has looked at the other side."""
    run = Run.objects.select_related("department", "workflow").get(pk=step.run_id)
    known = journey.read_steps(run.pk)[step.path]
    task = tasks.instead(run, known, journey.tree_of(run.version_id).node(step.step_id), reason, store.clock())
    task.save()
    Assignee.objects.bulk_create(tasks.assignees(task))


def _wait_if_idle(run_id: UUID) -> None:
    if not StepRun.objects.filter(run_id=run_id, status__in=[StepStatus.READY, StepStatus.RUNNING]).exists():
        Run.objects.filter(pk=run_id, status=RunStatus.RUNNING).update(status=RunStatus.WAITING)


def _end_old_run(run_id: UUID) -> bool:
    from workflows.runtime import ending

    run = store.lock_run(run_id, wait=False)
    if run is None:
        return False
    ending.cancel(run)
    days = limits.RUN_LIFETIME.days
    message = f"The run had lived for {days} days, the longest a run may live."
    Run.objects.filter(pk=run_id).update(
        status=RunStatus.FAILED, error={"code": "expired", "message": message, "step": "", "title": ""}
    )
    return True


# A volatile function cannot be looked up in an index, so the time is taken by a subselect.
_EXPIRED = """
SELECT id, run_id, claim_token FROM workflows_steprun
WHERE status = 'running' AND lease_until < (SELECT clock_timestamp()) ORDER BY lease_until LIMIT %s
"""

_JOINABLE = """
SELECT step.id FROM workflows_steprun AS step
WHERE step.status = 'waiting' AND step.waits_for = 'children' AND NOT EXISTS (
    SELECT 1 FROM workflows_run AS child
    WHERE child.parent_step_id = step.id AND child.status NOT IN ('succeeded', 'failed', 'cancelled')
) LIMIT %s
"""

_OLD_RUNS = """
SELECT id FROM workflows_run
WHERE expires_at < (SELECT clock_timestamp()) AND status NOT IN ('succeeded', 'failed', 'cancelled')
    AND status IN ('queued', 'running', 'waiting') LIMIT %s
"""

_STRANGERS = """
SELECT id, status FROM workflows_run
WHERE status NOT IN ('succeeded', 'failed', 'cancelled') AND status <> ALL(%s) LIMIT %s
"""

# Their numbers rise with time: only the first ones are looked at, so that nothing is read where nothing is old.
_OLD_EVENTS = """
DELETE FROM workflows_triggerevent USING (
    SELECT id, at FROM workflows_triggerevent WHERE trigger_id NOT IN (
        SELECT trigger.id FROM workflows_trigger AS trigger JOIN departments_legalhold USING (department_id)
        WHERE lifted_at IS NULL
    ) ORDER BY id LIMIT %s
) AS oldest
WHERE workflows_triggerevent.id = oldest.id AND oldest.at < clock_timestamp() - make_interval(secs => %s)
"""

_OLD_DELIVERIES = """
WITH old AS (
    SELECT id FROM (
        SELECT id, at FROM workflows_delivery WHERE subscription_id NOT IN (
            SELECT subscription.id
            FROM workflows_subscription AS subscription JOIN departments_legalhold USING (department_id)
            WHERE lifted_at IS NULL
        ) ORDER BY id LIMIT %s
    ) AS oldest
    WHERE oldest.at < clock_timestamp() - make_interval(secs => %s)
), tried AS (
    DELETE FROM workflows_deliverytry USING old WHERE delivery_id = old.id
)
DELETE FROM workflows_delivery USING old WHERE workflows_delivery.id = old.id
"""

_OLD_KEYS = """
DELETE FROM workflows_idempotencykey WHERE id IN (
    SELECT id FROM workflows_idempotencykey WHERE created_at < (SELECT clock_timestamp()) - make_interval(secs => %s)
    LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
