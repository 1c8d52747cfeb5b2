"""What is inside a run ends while the run is being cancelled: all comes to an end, and nothing goes on (case R14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from departments.access import SYSTEM
from tests import factories
from tests.faults.crowd import errors, scaled, together
from tests.steps import probes
from tests.workflows.runtime.harness import published, run_of, silent_broker
from workflows.models import Run, StepRun, Workflow
from workflows.runtime import worker
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = scaled(25)


def probe(id: str) -> dict[str, Any]:
    return {"id": id, "kind": "probe.keyed", "with": {"value": id}}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def calling() -> Workflow:
    """Calls another workflow and goes on after it."""
    department = factories.make_department()
    published([probe("inner")], department, name="Inner")
    call = {"id": "call", "kind": "flow.workflow", "with": {"workflow": "inner"}}
    return published([call, probe("after")], department, name="Outer")


def listing() -> Workflow:
    """Three items, one at a time, each of which calls another workflow."""
    department = factories.make_department()
    published([probe("inner")], department, name="Inner")
    call = {"id": "call", "kind": "flow.workflow", "with": {"workflow": "inner"}}
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2, 3], "concurrency": 2}, "steps": [call]}
    return published([each, probe("after")], department, name="Outer")


@pytest.mark.parametrize("outer", [calling, listing])
def test_r14_what_ends_while_the_run_around_it_is_cancelled_leaves_no_orphan(outer: Callable[[], Workflow]) -> None:
    workflow = outer()
    cancelled = 0

    for _ in range(ROUNDS):
        run = run_of(workflow)
        with silent_broker():
            worker.begin(run.pk)
            children = list(run.child_runs.filter(held=False).values_list("pk", flat=True))
            assert children
            ended, *looks = together(
                [partial(cancel, run), *(partial(worker.look, "run", child) for child in children)]
            )

        assert (errors(looks), bool(looks)) == ([], True)
        assert isinstance(ended, Run | Conflict), ended
        cancelled += isinstance(ended, Run)
        run.refresh_from_db()
        assert run.status == ("cancelled" if isinstance(ended, Run) else "succeeded")
        assert live(run) == []

    assert cancelled > 0


def cancel(run: Run) -> Run:
    return cancel_run(Run.objects.get(pk=run.pk), actor=SYSTEM)


def live(run: Run) -> list[str]:
    """What of this run, or inside it, has not come to its end."""
    over = ["succeeded", "failed", "cancelled", "skipped"]
    runs = Run.objects.filter(workflow__department=run.department).exclude(status__in=over)
    steps = StepRun.objects.filter(department=run.department).exclude(status__in=over)
    return [f"{each} {each.status}" for each in (*runs, *steps)]


def test_r14_no_step_begins_after_the_cancelling_stands() -> None:
    """Both messages are on their way when the run is cancelled; whoever looks later finds nothing to do."""
    workflow = calling()
    run = run_of(workflow)
    with silent_broker():
        worker.begin(run.pk)
        child = run.child_runs.get()
        cancel(run)

        worker.look("run", child.pk)
        worker.look("run", run.pk)
        worker.look("step", run.steps.get().pk)

    assert (probes.SENT, live(run)) == ([], [])
