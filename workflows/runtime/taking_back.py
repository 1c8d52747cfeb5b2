"""AI steps that are just asking, taken back from their workers: a person need not wait for what may never come.

The answer that comes all the same finds its claim gone and is thrown away, as after a lost worker (rule E3).
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from audit import sql
from connectors.models_gateway import routing
from workflows.engine.drill import model_of
from workflows.models import ManualMode, Run, StepRun, StepStatus
from workflows.models.states import RUN_OVER
from workflows.runtime import journey, queue, store
from workflows.runtime.kinds import kinds


def under_way(mode: ManualMode) -> Iterator[StepRun]:
    """Steps that ask a model now and are meant by this manual mode. What a person handed to the machine is not."""
    asking = [name for name, kind in kinds().items() if kind.asks_model]
    rows = StepRun.objects.filter(department=mode.department_id, status=StepStatus.RUNNING, kind__in=asking)
    rows = rows.filter(intent_at=None).exclude(inside__has_key="by_machine").exclude(run__status__in=RUN_OVER)
    if mode.workflow_id is not None:
        rows = rows.filter(run__workflow=mode.workflow_id)
    for step in rows.select_related("run").defer("run__inputs", "output").order_by("run", "pk"):
        if not mode.provider or routing.provider_of(_model(step.run, step), step.department_id) == mode.provider:
            yield step


def take_back(step: StepRun) -> bool:
    """Ready again at once, and not held against the step. False when its worker was first."""
    with transaction.atomic():
        # The run before the step, as whoever settles a step locks them.
        run = store.lock_run(step.run_id)
        if run is None or not sql.changed(_TAKE_BACK, [step.pk, step.claim_token]):
            return False
        store.log(run.pk, "step.taken_back", step.path)
        queue.hand_out("step", [step.pk], run.priority)
    return True


def _model(run: Run, step: StepRun) -> str:
    return model_of(journey.tree_of(run.version_id).node(step.step_id))


_TAKE_BACK = """
UPDATE workflows_steprun SET status = 'ready', claim_token = NULL, lease_until = NULL,
    claims = greatest(claims - 1, 0), run_after = clock_timestamp(), handed_out_at = clock_timestamp()
WHERE id = %s AND claim_token = %s AND status = 'running' AND intent_at IS NULL
"""
