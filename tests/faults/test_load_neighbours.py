"""A department that has a great deal to do does not keep another one waiting (case L07)."""

from __future__ import annotations

import pytest

from departments.access import SYSTEM
from tests import factories
from tests.faults.crowd import scaled
from tests.faults.scenes import Scene
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun
from workflows.services.runs import start_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
QUEUED = scaled(1_000)


def test_l07_one_run_of_a_quiet_department_is_not_behind_the_queue_of_a_busy_one(scene: Scene) -> None:
    """50,000 with FAULT_N=50. Counted in steps of the busy one that begin first, not in seconds."""
    stack = scene.stack
    busy = published([scene.effect("a", "keyed", sleep_s=2)], scene.department, name="Busy")
    other = factories.make_department("Quiet", egress_hosts=scene.department.egress_hosts)
    quiet = published([scene.effect("b", "keyed")], other, name="Quiet")
    stack.freeze("worker")
    for _ in range(QUEUED):
        start_run(busy, inputs={}, actor=SYSTEM)
    one = start_run(quiet, inputs={}, actor=SYSTEM)
    stack.thaw("worker")

    stack.wait_for_end([str(one.pk)], 60 + QUEUED / 20)
    step = StepRun.objects.get(run=one)
    before = StepRun.objects.filter(run__workflow=busy, started_at__lt=step.started_at).count()
    waited_s = (step.started_at - Run.objects.get(pk=one.pk).created_at).total_seconds()
    print(
        f"L07: behind {QUEUED} queued runs the other department's step began after {waited_s:.1f} s and {before} others"
    )
    Run.objects.filter(workflow=busy, status="queued").update(handed_out_at=None)
    stack.wait_for_end([str(pk) for pk in Run.objects.values_list("pk", flat=True)], 60 + QUEUED / 10)

    assert Run.objects.get(pk=one.pk).status == "succeeded"
    assert before < 0.9 * QUEUED, "in the order of their coming it would have been last"
