"""Events and the steps that wait for them find each other by trigger and reference, whichever of them is first.

Each side writes its own row and looks for the other after its commit: of two that come at the same time at least one
sees both (READ COMMITTED), and the guards let every event and every step be taken once. Who dies before it looked left
a row that says so, and the sweep looks in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.db import transaction

from audit import sql
from connectors.sdk import BadParams, Listen
from workflows.engine import strict
from workflows.models import Run, Trigger
from workflows.runtime import limits, queue
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Step


def trigger_for(run: Run, wanted: Listen) -> UUID:
    """Raises BadParams where the workflow has none of that name, or nothing to tell its events apart by."""
    if not wanted.reference.strip():
        raise BadParams("The reference is empty, so no event could be told to be the right one.")
    rows = Trigger.objects.filter(workflow=run.workflow_id, slug=wanted.name, removed_at=None).exclude(reference="")
    found = rows.values_list("pk", flat=True).first()
    if found is None:
        name = strict.legible(wanted.name, 60)
        raise BadParams(
            f"This workflow has no trigger “{name}” with a reference. Set one up on the page of the workflow, "
            "under “Starts by itself”, and say there what its reference is."
        )
    return found


def listen(step: Step, trigger: UUID, reference: str) -> None:
    """Inside the transaction that lets the step wait; looks once that stands. What fails then is left to the sweep."""
    id = sql.row(_LISTEN, [step.id, trigger, kept(reference)])[0]  # type: ignore[index]
    _once_it_stands(partial(_look, trigger, kept(reference), _LOOKED_FOR_STEP, id))


def look_for_event(event: int, trigger: UUID, reference: str) -> None:
    """Once the transaction stands that wrote the event down: who told of it is answered, whatever comes of the look."""
    _once_it_stands(partial(_look, trigger, reference, _LOOKED_FOR_EVENT, event))


def _once_it_stands(look: Callable[[], None]) -> None:
    # Not a partial: Django names what failed in the log by an attribute that only functions have.
    transaction.on_commit(lambda: look(), robust=True)


def kept(reference: str) -> str:
    """As both sides write it down."""
    return " ".join(reference.split())[:300]


def look_again() -> int:
    """Part of the sweep: rows whose writer did not come to look."""
    sides = ((_EVENTS_LEFT, _LOOKED_FOR_EVENT), (_STEPS_LEFT, _LOOKED_FOR_STEP))
    return sum(_look_at_left(found, looked) for found, looked in sides)


def _look_at_left(found: str, looked: str) -> int:
    rows = sql.rows(found, [limits.SWEEP_BATCH])
    for id, trigger, reference in rows:
        _look(trigger, reference, looked, id)
    return len(rows)


def _look(trigger: UUID, reference: str, looked: str, id: int) -> None:
    fault_point("event_written_before_look")
    while pair := sql.row(_CANDIDATES, [trigger, reference]):
        _bring_together(*pair)
    sql.execute(looked, [id])


def _bring_together(event: int, step: UUID) -> None:
    """The event first: all who do this lock in this order. Undone where the step waits no more."""
    with transaction.atomic():
        taken = sql.row(_TAKE, [step, event])
        woken = sql.row(_WAKE, [taken[0], step]) if taken else None
        if taken and not woken:
            transaction.set_rollback(True)
        if woken:
            queue.hand_out("step", [step], woken[0])


_LISTEN = """
INSERT INTO workflows_awaited (step_id, trigger_id, reference) VALUES (%s, %s, %s)
ON CONFLICT (step_id) DO UPDATE SET
    trigger_id = EXCLUDED.trigger_id, reference = EXCLUDED.reference, looked = false
RETURNING id
"""

_CANDIDATES = """
SELECT event.id, step.id
FROM (VALUES (%s::uuid, %s)) AS sought (trigger_id, reference)
CROSS JOIN LATERAL (
    SELECT id FROM workflows_triggerevent AS event
    WHERE event.trigger_id = sought.trigger_id AND event.reference = sought.reference AND outcome = 'kept'
    ORDER BY id LIMIT 1
) AS event
CROSS JOIN LATERAL (
    SELECT step.id FROM workflows_awaited AS awaited
        JOIN workflows_steprun AS step ON step.id = awaited.step_id
    WHERE awaited.trigger_id = sought.trigger_id AND awaited.reference = sought.reference
        AND step.status = 'waiting' AND step.waits_for = 'event'
    ORDER BY awaited.id LIMIT 1
) AS step
"""

_TAKE = """
UPDATE workflows_triggerevent SET outcome = 'taken', looked = true, run_id = (
    SELECT run_id FROM workflows_steprun WHERE id = %s
)
WHERE id = %s AND outcome = 'kept'
RETURNING jsonb_build_object('kind', 'event', 'data', data, 'title', title)::text
"""

_WAKE = """
WITH woken AS (
    UPDATE workflows_steprun SET status = 'ready', wake_at = NULL, waits_for = '', signal = %s::jsonb,
        run_after = clock_timestamp(), handed_out_at = clock_timestamp()
    WHERE id = %s AND status = 'waiting' AND waits_for = 'event' RETURNING id, priority
), heard AS (
    DELETE FROM workflows_awaited USING woken WHERE step_id = woken.id
)
SELECT priority FROM woken
"""

_LOOKED_FOR_EVENT = "UPDATE workflows_triggerevent SET looked = true WHERE id = %s AND NOT looked"
_LOOKED_FOR_STEP = "UPDATE workflows_awaited SET looked = true WHERE id = %s AND NOT looked"

_EVENTS_LEFT = "SELECT id, trigger_id, reference FROM workflows_triggerevent WHERE NOT looked ORDER BY id LIMIT %s"
_STEPS_LEFT = "SELECT id, trigger_id, reference FROM workflows_awaited WHERE NOT looked ORDER BY id LIMIT %s"
