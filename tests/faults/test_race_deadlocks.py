"""Two deeds at the same instant that want the same rows: both come to an answer (cases R06 and D09)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from django.db import connection, transaction

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
from workflows.engine.definition import load
from workflows.models import Run, RunStatus, Task, TaskStatus, Workflow
from workflows.services import samples
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run
from workflows.services.workflows import publish_workflow, save_draft

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


def test_what_names_a_workflow_is_kept_while_its_draft_is_saved_or_published(workflow: Workflow) -> None:
    """PostgreSQL looks for the workflow of a new sample at the very end, when that one's ledger row is written."""
    step = next(load(workflow.draft).nodes())

    for deed in (
        lambda: save_draft(workflow, {**workflow.draft, "name": "Renamed"}, actor=SYSTEM),
        lambda: publish_workflow(Workflow.objects.get(pk=workflow.pk), note="", actor=SYSTEM),
    ):
        written = threading.Event()

        def pins(written: threading.Event = written) -> None:
            with transaction.atomic():
                samples.pin(workflow, step, {}, actor=SYSTEM)
                written.set()
                wait_for_a_waiter()

        def saves(written: threading.Event = written, deed: Callable[[], object] = deed) -> None:
            written.wait(20)
            deed()

        assert errors(together([pins, saves])) == []


def wait_for_a_waiter() -> None:
    """Until somebody waits for what this transaction holds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for the number in the ledger")
