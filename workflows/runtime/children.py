"""Runs inside a run: one per item of a list, or one of another workflow. They are joined by counting rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db.models import Sum
from django.db.models.functions import Now

from audit import sql
from connectors.sdk import BadParams, Call, ChildrenEnded, Spawn
from workflows.models import Run, RunStatus, StepRun, Workflow
from workflows.models.states import RUN_OVER
from workflows.runtime import inputs, limits
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey, Step

BATCH = 1_000


def spawn(journey: Journey, step: Step, asked: Spawn) -> list[UUID]:
    """One child run per item; the ids of those that may begin at once. The rest are held until a sibling ends."""
    rows = _items(journey, asked)
    while batch := list(islice(rows, BATCH)):
        sql.execute(_ADD_ITEMS, [step.id, step.step_id, sql.recordset(batch), journey.run.pk])
        fault_point("fanout_mid_batch")
    step.inside = {"items": len(asked.items), "keep_going": asked.keep_going, "concurrency": asked.concurrency}
    return list(Run.objects.filter(parent_step_id=step.id, held=False).values_list("pk", flat=True))


def call(journey: Journey, step: Step, asked: Call) -> list[UUID]:
    """A run of another workflow of the same department. Raises BadParams."""
    run = journey.run
    if run.depth + 1 >= limits.DEEPEST_CALL:
        chain = " → ".join(_chain(run))
        raise BadParams(f"Workflows call each other {limits.DEEPEST_CALL} levels deep: {chain}. Break the circle.")
    wanted = Workflow.objects.filter(department_id=run.department_id, slug=asked.workflow, archived_at=None).first()
    if wanted is None or wanted.live is None:
        raise BadParams(f"The department has no published workflow called “{asked.workflow}”.")

    child = _child(journey, step)
    child.workflow, child.version = wanted, wanted.live
    child.inputs = inputs.for_version(wanted.live.pk, asked.inputs, run.department_id)
    child.title = f"{run.title} › {wanted.name}"[:200]
    child.item_index = 0
    Run.objects.bulk_create([child], ignore_conflicts=True)
    step.inside = {"items": 0, "keep_going": False, "concurrency": 1}
    return [child.pk]


def results(step_run_id: UUID) -> ChildrenEnded:
    """What the children gave, in the order of the items."""
    rows = Run.objects.filter(parent_step_id=step_run_id).order_by("item_index")
    found: list[Any] = []
    errors: list[dict[str, Any]] = []
    for index, status, output, error in rows.values_list("item_index", "status", "output", "error").iterator():
        succeeded = status == RunStatus.SUCCEEDED
        found.append(output if succeeded else None)
        if not succeeded:
            errors.append({**(error or {"code": "cancelled", "message": "it was cancelled"}), "item": index})
    return ChildrenEnded(found, errors)


def spent(step_run_id: UUID) -> tuple[float, int]:
    """What the children have cost: US dollars and tokens."""
    total = Run.objects.filter(parent_step_id=step_run_id).aggregate(cost=Sum("cost_usd"), tokens=Sum("tokens"))
    return float(total["cost"] or 0), int(total["tokens"] or 0)


def release_next(step_run_id: UUID) -> UUID | None:
    """Let the next held sibling begin, if there is one; one that was reopened goes on where it stopped."""
    found = sql.row(_RELEASE, [step_run_id])
    if found is None:
        return None
    run_id, started_at = found
    if started_at is not None:
        sql.execute(_RELEASE_STEPS, [run_id])
    return UUID(str(run_id))


def keeps_going(step_run_id: UUID) -> bool:
    """Whether the step wants the other items done when one fails."""
    inside = StepRun.objects.values_list("inside", flat=True).get(pk=step_run_id)
    return bool(inside.get("keep_going"))


def drop_held(step_run_id: UUID) -> None:
    """A sibling failed and the step does not keep going: those that have not begun never will."""
    Run.objects.filter(parent_step_id=step_run_id, held=True).exclude(status__in=RUN_OVER).update(
        status=RunStatus.CANCELLED, finished_at=Now(), held=False
    )


def join(step_run_id: UUID) -> bool:
    """Wake the step that waits for its children, once the last of them is at its end.

    Called after the child's own commit: of two last children ending at once at least one sees both (READ COMMITTED),
    and the guard lets only one of them win.
    """
    return sql.changed(_JOIN, [step_run_id]) == 1


_RELEASE = """
UPDATE workflows_run SET held = false, handed_out_at = clock_timestamp()
WHERE id = (
    SELECT id FROM workflows_run
    WHERE parent_step_id = %s AND held AND status NOT IN ('succeeded', 'failed', 'cancelled')
    ORDER BY item_index LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, started_at
"""

_RELEASE_STEPS = "UPDATE workflows_steprun SET run_after = clock_timestamp() WHERE run_id = %s AND status = 'ready'"

# A spawn that is repeated after a crash adds only what is missing (case K20).
_ADD_ITEMS = """
INSERT INTO workflows_run (
    id, item_index, scope, title, held, parent_step_id, body, parent_id, depth, status, inputs, seq, cost_usd, tokens,
    created_at, department_id, workflow_id, version_id, mode, priority, started_by, starter_kind, starter_id, expires_at
)
SELECT
    item.id, item.item_index, item.scope, item.title, item.held, %s, %s, run.id, run.depth + 1, 'queued', '{}', 0, 0, 0,
    clock_timestamp(), run.department_id, run.workflow_id, run.version_id, run.mode, run.priority, run.started_by,
    run.starter_kind, run.starter_id, run.expires_at
FROM workflows_run AS run,
    json_to_recordset(%s::json) AS item (id uuid, item_index int, scope json, title text, held boolean)
WHERE run.id = %s
ON CONFLICT DO NOTHING
"""

_JOIN = """
UPDATE workflows_steprun AS step SET status = 'ready', waits_for = '', signal = '{"kind": "children"}',
    run_after = clock_timestamp(), handed_out_at = clock_timestamp()
WHERE step.id = %s AND step.status = 'waiting' AND step.waits_for = 'children' AND NOT EXISTS (
    SELECT 1 FROM workflows_run AS child
    WHERE child.parent_step_id = step.id AND child.status NOT IN ('succeeded', 'failed', 'cancelled')
)
"""


def _items(journey: Journey, asked: Spawn) -> Iterator[dict[str, Any]]:
    for index, item in enumerate(asked.items):
        yield {
            "id": uuid.uuid7(),
            "item_index": index,
            "scope": {asked.name: item, "item_number": index + 1},
            "title": f"{journey.run.title} › {index + 1}"[:200],
            "held": index >= asked.concurrency,
        }


def _child(journey: Journey, step: Step) -> Run:
    run = journey.run
    return Run(
        department_id=run.department_id,
        workflow_id=run.workflow_id,
        version_id=run.version_id,
        mode=run.mode,
        priority=run.priority,
        parent_id=run.pk,
        parent_step_id=step.id,
        depth=run.depth + 1,
        started_by=run.started_by,
        starter_kind=run.starter_kind,
        starter_id=run.starter_id,
        expires_at=run.expires_at,
    )


def _chain(run: Run) -> list[str]:
    names = [run.workflow.name]
    while run.parent is not None:
        run = run.parent
        names.insert(0, run.workflow.name)
    return names
