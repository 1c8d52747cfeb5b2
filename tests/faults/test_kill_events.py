"""R08 with kills: who has written an event or a wait down dies before it has looked for the other side."""

from __future__ import annotations

import pytest

from tests.faults import pace
from tests.faults.scenes import Scene, at_last
from workflows.models import Run, StepRun, TriggerEvent

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 4
NUMBERS = [str(number) for number in range(MANY)]
RECOVERY_S = pace.LEASE.total_seconds() + 20


def test_r08_an_event_whose_web_process_died_before_it_looked_is_brought_to_its_run(scene: Scene) -> None:
    slug, place = scene.listening()
    runs = [run for number in NUMBERS for run in scene.stack.start_runs(slug, 1, {"number": number})]
    scene.stack.wait(lambda: StepRun.objects.filter(waits_for="event").count() == MANY, 10, "all listen")
    scene.stack.strike("web", at_last("event_written_before_look", "kill9", MANY))

    answers = scene.at_the_same_time([("POST", place, {"number": number}) for number in NUMBERS])
    scene.stack.wait_until_web_answers()
    scene.stack.wait_for_end(runs, RECOVERY_S)

    assert [answer.status for answer in answers] == [0] * MANY
    ended_once(scene)


def test_r08_a_wait_whose_worker_died_before_it_looked_finds_what_was_kept(scene: Scene) -> None:
    slug, place = scene.listening()
    told = scene.at_the_same_time([("POST", place, {"number": number}) for number in NUMBERS])
    assert [answer.body["outcome"] for answer in told] == ["kept"] * MANY
    scene.stack.strike("worker", "event_written_before_look:kill9@1")

    runs = [run for number in NUMBERS for run in scene.stack.start_runs(slug, 1, {"number": number})]
    scene.stack.wait_for_strike("event_written_before_look")
    scene.stack.wait_for_end(runs, RECOVERY_S)

    ended_once(scene)


def ended_once(scene: Scene) -> None:
    """Every run with its own event, and each effect once."""
    assert dict(Run.objects.values_list("status", "workflow")).keys() == {"succeeded"}
    taken = {event.run_id: event.reference for event in TriggerEvent.objects.filter(outcome="taken")}
    assert taken == {run.pk: run.inputs["number"] for run in Run.objects.all()}
    assert scene.arrived("keyed", "b") == [1] * MANY
