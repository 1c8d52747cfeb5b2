"""Drives runs in the test's own process: the scheduler's sweep and the worker's look, with every message lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db.models.functions import Now

from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from workflows.models import Run, StepRun, Workflow
from workflows.runtime import limits, queue, sweeping, worker
from workflows.services.runs import start_run
from workflows.services.workflows import create_workflow, publish_workflow


def published(steps: list[dict[str, Any]], department: Department | None = None, **rest: Any) -> Workflow:
    """A published workflow of these steps."""
    department = department or factories.make_department()
    name = rest.pop("name", "Probe")
    definition = {"format": 1, "name": name, "steps": steps, **rest}
    workflow = create_workflow(department, name=name, definition=definition, actor=SYSTEM)
    publish_workflow(workflow, note="", actor=SYSTEM)
    return workflow


def run_of(workflow: Workflow, **inputs: Any) -> Run:
    """A run that has been accepted and not begun."""
    with silent_broker(), patch.object(limits, "AT_ONCE", False):
        return start_run(workflow, inputs=inputs, actor=SYSTEM)


def carried(run: Run, rounds: int = 50) -> Run:
    """Sweep and look until nothing moves any more."""
    with silent_broker(), patch.object(limits, "FORGOTTEN", timedelta(0)):
        for _ in range(rounds):
            if not sweeping.sweep(HERE):
                break
    run.refresh_from_db()
    return run


def done(steps: list[dict[str, Any]], *, given: dict[str, Any] | None = None, **rest: Any) -> Run:
    """Publish, start, carry to the end."""
    return carried(run_of(published(steps, **rest), **(given or {})))


def statuses(run: Run) -> dict[str, str]:
    return dict(run.steps.values_list("path", "status"))


def lose_the_worker(run: Run, id: str) -> None:
    """The worker that holds the step has died, and its lease is over."""
    StepRun.objects.filter(run=run, step_id=id).update(lease_until=Now() - timedelta(seconds=1))


def claim(run: Run) -> worker.Claimed:
    """Begin the run as a worker does and stop before the step is performed."""
    with silent_broker():
        work = worker.begin(run.pk)
    assert isinstance(work, worker.Claimed)
    return work


@contextmanager
def silent_broker() -> Iterator[None]:
    """Every message is lost: what the database says must be enough."""
    with patch.object(queue, "publish", lambda kind, ids, priority: True):
        yield


class Here:
    """Everything that a sweep finds is done at once, in this thread."""

    def tell(self, kind: queue.Kind, id: UUID, priority: int) -> bool:
        return self.do(kind, id)

    def do(self, kind: queue.Kind, id: UUID) -> bool:
        worker.look(kind, id)
        return True

    def places(self) -> int:
        return limits.SWEEP_BATCH


HERE = Here()
