"""K13, K14, K15 and K25: a worker that has lost its claim and does not know it."""

from __future__ import annotations

import pytest

from tests.faults import pace
from tests.faults.scenes import CLASSES, Scene, attempts, everything, lost
from workflows.models import Run, StepRun

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_S = pace.LEASE.total_seconds()
RECOVERY_S = LEASE_S + 20


@pytest.mark.parametrize("_", pace.rounds())
def test_k13_a_step_whose_heart_has_stopped_may_not_write_nor_send_what_may_go_out_once(scene: Scene, _: int) -> None:
    sleep_s = LEASE_S + 2.5
    flows = {
        effect: scene.workflow([scene.effect("a", effect, sleep_s=sleep_s), scene.effect("b")]) for effect in CLASSES
    }

    runs = {effect: scene.stack.start_runs(slug, 1) for effect, slug in flows.items()}
    scene.stack.wait_for_hits("claimed_before_effect", len(CLASSES))
    scene.stack.strike("worker", "heartbeat_dies_step_lives:raise@1")
    scene.stack.wait_for_end(everything(runs), 2 * sleep_s + RECOVERY_S)

    assert len(scene.stack.struck()) == 1
    assert scene.statuses(runs) == {effect: {"succeeded"} for effect in CLASSES}
    assert lost() >= len(CLASSES), "every claim was lost while its step lived"
    assert attempts("a") == attempts("b") == {1}, "nothing was written twice"
    assert scene.arrived("unsafe") == [1]
    assert scene.arrived("keyed", "b") == [1] * len(CLASSES)
    assert scene.doubled() == {}


@pytest.mark.parametrize("_", pace.rounds())
def test_k14_a_stuck_step_ends_at_its_limit_though_the_heart_beats(scene: Scene, _: int) -> None:
    slug = scene.workflow([scene.effect("a", "unsafe", timeout_s=2, retry={"attempts": 1})])
    scene.stack.strike("worker", "step_stuck_heartbeat_lives:hold@1+")

    runs = scene.stack.start_runs(slug, 2)
    took = scene.stack.wait_for_end(runs, 2 + 5)
    scene.stack.strike("worker", "")
    scene.stack.keep_for(1)

    assert took < 2 + 20
    assert {run.error["message"] for run in Run.objects.all()} == {"The step took longer than its 2 seconds."}
    assert attempts("a") == {1}
    assert scene.sink.arrived() == [], "what wakes up late sends nothing any more"


@pytest.mark.parametrize("_", pace.rounds())
def test_k15_a_worker_that_slept_through_its_leases_writes_nothing_when_it_wakes(scene: Scene, _: int) -> None:
    """It is stopped with steps at P5, P6, P7 and P8 at once; another worker takes over meanwhile."""
    stack = scene.stack
    after, announced, before = (
        f"{point}:hold@1-4"
        for point in ("response_before_completion_tx", "intent_committed_before_send", "claimed_before_effect")
    )
    stack.strike("worker", after)
    runs = everything(scene.start_each(1))
    stack.wait_for_hits("response_before_completion_tx", 4)
    scene.sink.behave(answer="hold")
    runs += everything(scene.start_each(1))
    stack.wait(lambda: scene.sink.held == 4, 10, "four requests without an answer")
    stack.strike("worker", f"{after},{announced}")
    runs += everything(scene.start_each(1, ["unsafe"]))
    stack.wait_for_hits("intent_committed_before_send", 1)
    stack.strike("worker", f"{after},{announced},{before}")
    runs += everything(scene.start_each(1))
    stack.wait_for_hits("claimed_before_effect", 4)

    stack.freeze("worker")
    stack.strike("worker", "")
    scene.sink.behave()
    stack.start("worker.2")
    stack.wait_until_settled(RECOVERY_S + 4)
    settled = {step.pk: (step.status, step.attempts) for step in StepRun.objects.all()}
    stack.thaw("worker")
    stack.keep_for(2)

    assert scene.parked() == ["outcome_unknown"] * 3
    assert Run.objects.filter(pk__in=runs, status="succeeded").count() == len(runs) - 3
    assert {step.pk: (step.status, step.attempts) for step in StepRun.objects.all()} == settled
    assert attempts("a") == attempts("b") == {1}
    assert scene.doubled() == {}


@pytest.mark.parametrize("_", pace.rounds())
def test_k15_a_worker_that_slept_between_asking_and_sending_sends_nothing_when_it_wakes(scene: Scene, _: int) -> None:
    """The gap of a checkable effect: the other worker asks, finds nothing, and sends meanwhile."""
    stack = scene.stack
    step = scene.effect("a", "checkable")
    step["with"]["pause_s"] = 1.5
    runs = stack.start_runs(scene.workflow([step]), 1)
    stack.wait_for_hits("claimed_before_effect", 1)
    stack.keep_for(0.7)

    stack.freeze("worker")
    stack.start("worker.2")
    stack.wait_for_end(runs, RECOVERY_S)
    stack.thaw("worker")
    stack.keep_for(2)

    assert Run.objects.get().status == "succeeded"
    assert scene.arrived("checkable") == [1]


@pytest.mark.parametrize("_", pace.rounds())
def test_k25_a_worker_with_the_same_name_may_not_take_over_before_the_lease_is_over(scene: Scene, _: int) -> None:
    scene.sink.behave(answer="hold", times=1)
    (run,) = scene.stack.start_runs(scene.workflow([scene.effect("a")]), 1)
    scene.stack.wait(lambda: scene.sink.held == 1, 10, "the first request")
    lease_until = StepRun.objects.get().lease_until

    scene.stack.kill("worker")
    scene.stack.wait_for_end([run], RECOVERY_S)

    first, second = scene.sink.arrived(name="a")
    assert (first.key, first.happened, second.happened) == (second.key, True, False)
    assert lease_until is not None
    assert second.at >= lease_until.timestamp()
    assert StepRun.objects.get().status == "succeeded"
