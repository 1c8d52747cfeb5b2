"""Deciding and cancelling at the same instant: both come to an answer (cases R06 and D09)."""

from __future__ import annotations

from functools import partial

from departments.access import SYSTEM, actor_for_user
from departments.models import User
from tests.faults.crowd import errors, together
from tests.faults.test_race_decisions import (
    PAIRS,
    _fresh_probes,
    asked,
    decide,
    ingrid,
    ledger,
    pytestmark,
    workflow,
)
from tests.steps import probes
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, RunStatus, Task, TaskStatus, Workflow
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run

__all__ = ["_fresh_probes", "ingrid", "pytestmark", "workflow"]


def test_r06_deciding_and_cancelling_at_once_never_lets_anything_out(workflow: Workflow, ingrid: User) -> None:
    yes = actor_for_user(ingrid)
    tasks = [asked(workflow) for _ in range(PAIRS)]

    for task in tasks:
        run = Run.objects.get(pk=task.run_id)
        with silent_broker():
            decided, cancelled = together(
                [partial(decide, task, yes, "approve"), partial(cancel_run, run, actor=SYSTEM)]
            )

        assert errors([cancelled]) == []
        assert isinstance(decided, Task | Conflict), decided
        task.refresh_from_db()
        assert (task.status == TaskStatus.DECIDED) == isinstance(decided, Task)
        assert len(ledger(task)) == isinstance(decided, Task)
        assert carried(run).status == RunStatus.CANCELLED

    assert probes.SENT == []
