"""K16, K18 and K20: the scheduler dies between seeing and doing, or a fan-out in the middle of its items."""

from __future__ import annotations

import pytest

from tests.faults import pace
from tests.faults.scenes import Scene
from workflows.models import JournalEntry, Run, StepRun

pytestmark = pytest.mark.django_db(transaction=True)

RECOVERY_S = pace.LEASE.total_seconds() + 20


@pytest.mark.parametrize(
    "point",
    ["sweeper_read_before_cas", "timer_due_before_cas", "sweeper_cas_before_publish"],
    ids=["p15", "p17", "p16"],
)
@pytest.mark.parametrize("_", pace.rounds())
def test_k16_k18_what_a_dying_scheduler_had_in_its_hands_the_next_one_does(scene: Scene, point: str, _: int) -> None:
    """A lost step and a timer are due when it dies; the timer fires once and not before its time (I10)."""
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 1}}
    sleeper = scene.stack.start_runs(scene.workflow([nap, scene.effect("b")]), 2)
    scene.sink.behave(answer="hold")
    orphan = scene.stack.start_runs(scene.workflow([scene.effect("a")]), 2)
    scene.stack.wait(lambda: scene.sink.held >= 2, 10, "the steps' requests")
    scene.stack.strike("scheduler", "timer_due_before_cas:hold@1")
    scene.stack.wait_for_hits("timer_due_before_cas", 1)
    scene.stack.kill("worker")
    scene.sink.behave()
    scene.stack.keep_for(pace.LEASE.total_seconds() + 0.2)

    scene.stack.strike("scheduler", f"{point}:kill9@1")
    scene.stack.wait_for_strike(point)
    scene.stack.wait_for_end([*sleeper, *orphan], RECOVERY_S)

    assert Run.objects.filter(status="succeeded").count() == 4
    assert len(scene.arrived("keyed", "a")) == len(scene.arrived("keyed", "b")) == 2
    assert scene.doubled() == {}, "on a busy machine a step may be begun again, under the same key"
    assert JournalEntry.objects.filter(event="step.lost").count() >= 2


@pytest.mark.parametrize("_", pace.rounds())
def test_k20_a_fan_out_that_dies_in_the_middle_makes_each_item_once(scene: Scene, _: int) -> None:
    items = 1_100
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ inputs.items }}", "concurrency": 2},
        "steps": [{"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}],
    }
    slug = scene.workflow([scene.effect("a"), each], inputs={"items": {"type": "list"}})
    scene.stack.strike("worker", "fanout_mid_batch:kill9@2")

    (run,) = scene.stack.start_runs(slug, 1, {"items": list(range(items))})
    scene.stack.wait_for_strike("fanout_mid_batch")
    assert not Run.objects.filter(parent=run).exists(), "what was half inserted is gone"
    scene.stack.wait(lambda: StepRun.objects.filter(path="nap", status="waiting").count() == 2, RECOVERY_S, "two items")

    children = list(Run.objects.filter(parent=run).order_by("item_index").values_list("item_index", flat=True))
    assert children == list(range(items))
    assert scene.stack.call("POST", f"runs/{run}/cancel").status == 200
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}
