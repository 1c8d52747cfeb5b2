"""A test of a draft on real processes: nothing of it reaches the outside world, and a dead worker changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import pace
from tests.faults.scenes import CLASSES, Scene, lost
from workflows.models import Run, Sample

pytestmark = pytest.mark.django_db(transaction=True)

RECOVERY_S = pace.LEASE.total_seconds() + 20


def begin(scene: Scene, slug: str, **body: Any) -> str:
    answer = scene.stack.call("POST", f"workflows/{slug}/tests", body)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def draft(scene: Scene) -> str:
    """One step of every class, and one for each item of a list; published too, as its live runs really send."""
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2]}, "steps": [scene.effect("item")]}
    return scene.workflow([*(scene.effect(f"s_{effect}", effect) for effect in CLASSES), each])


def test_a_rehearsal_sends_nothing_and_a_live_run_of_the_same_draft_does(scene: Scene) -> None:
    slug = draft(scene)

    test = begin(scene, slug, inputs={})
    scene.stack.wait_for_end([test], RECOVERY_S)
    seen = [(record.effect, record.name) for record in scene.sink.arrived()]
    live = scene.stack.start_runs(slug, 1)
    scene.stack.wait_for_end(live, RECOVERY_S)

    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert seen == [("pure", "s_pure")], "what only reads is really done"
    assert [scene.arrived(effect, f"s_{effect}") for effect in CLASSES[1:]] == [[1], [1], [1]]
    assert scene.arrived("keyed", "item") == [1, 1]


def test_a_worker_killed_in_a_test_is_followed_by_another_and_nothing_is_sent(scene: Scene) -> None:
    slug = draft(scene)
    scene.stack.strike("worker", "claimed_before_effect:kill9@2,response_before_completion_tx:kill9@3")

    test = begin(scene, slug, inputs={})
    scene.stack.wait_for_end([test], 3 * RECOVERY_S)

    assert Run.objects.get(pk=test).status == "succeeded"
    assert {record.effect for record in scene.sink.arrived()} <= {"pure"}
    assert lost() >= 1
    steps = {f"s_{effect}" for effect in CLASSES} | {"item", "each"}
    assert set(Sample.objects.exclude(step_id="").values_list("step_id", flat=True)) == steps


def test_really_sending_happens_once_although_the_worker_dies(scene: Scene) -> None:
    slug = scene.workflow([scene.effect("a", "keyed"), scene.effect("b", "checkable")])
    scene.stack.strike("worker", "claimed_before_effect:kill9@1")

    test = begin(scene, slug, inputs={}, send=True)
    scene.stack.wait_for_end([test], RECOVERY_S)

    assert Run.objects.get(pk=test).mode == "sending"
    assert [scene.arrived("keyed", "a"), scene.arrived("checkable", "b")] == [[1], [1]]


def test_a_test_is_stopped_while_its_step_is_under_way(scene: Scene) -> None:
    slug = scene.workflow([scene.effect("slow", "pure", sleep_s=30), scene.effect("b")])

    test = begin(scene, slug, inputs={})
    scene.stack.wait(lambda: Run.objects.get(pk=test).steps.filter(status="running").exists(), 15, "a step under way")
    stopped = scene.stack.call("POST", f"runs/{test}/cancel", {})

    assert (stopped.status, Run.objects.get(pk=test).status) == (200, "cancelled")
    assert scene.sink.arrived() == []
