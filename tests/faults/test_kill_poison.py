"""K22, K23 and K26: workers that are asked to stop, steps that kill their worker, and a schema that is ahead."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.faults import pace
from tests.faults.scenes import Scene, lost
from workflows.models import JournalEntry, Run, StepRun
from workflows.runtime import limits

pytestmark = pytest.mark.django_db(transaction=True)

RECOVERY_S = pace.LEASE.total_seconds() + 20


@pytest.mark.parametrize("_", pace.rounds())
def test_k22_workers_that_are_asked_to_stop_in_turn_lose_no_step_and_repeat_none(scene: Scene, _: int) -> None:
    chain = [scene.effect(f"s{n}", sleep_s=0.25) for n in range(6)]
    slug = scene.workflow(chain)

    runs: list[str] = []
    for _ in range(2):
        runs += scene.stack.start_runs(slug, 4)
        scene.wait_for_arrivals(len(runs) + 1)
        scene.stack.ask_to_stop("worker")
        scene.stack.wait(lambda: not scene.stack.is_alive("worker"), 15, "the end of the worker")
    scene.stack.wait_for_end(runs, RECOVERY_S)

    assert Run.objects.filter(status="succeeded").count() == len(runs)
    assert scene.doubled() == {}
    assert len(scene.sink.arrived()) == len(runs) * len(chain), "none was begun twice"
    assert lost() == 0


WAYS = ("segfault", "exit", "gorge")[: len(pace.rounds())]
"""One in the ordinary tests: the suspects of all three, one at a time, take three minutes."""


@pytest.mark.timeout(400)  # suspects are begun one at a time, and each death costs a lease
def test_k23_p01_a_step_that_kills_its_worker_is_begun_five_times_and_put_aside(scene: Scene) -> None:
    poison = {
        way: scene.stack.start_runs(scene.workflow([{"id": way, "kind": "crash.process", "with": {"way": way}}]), 1)[0]
        for way in WAYS
    }
    slug = scene.workflow([scene.effect("a"), scene.effect("b")])
    others: list[str] = []

    def is_put_aside() -> bool:
        if len(others) < 20:
            others.extend(scene.stack.start_runs(slug, 1))
        return StepRun.objects.filter(step_id__in=WAYS, status="parked").count() == len(WAYS)

    scene.stack.wait(is_put_aside, 200, "the end of the poison")
    scene.stack.wait_for_end(others, 100)

    steps = {step.step_id: step for step in StepRun.objects.filter(step_id__in=WAYS)}
    assert {way: (step.claims, step.attempts) for way, step in steps.items()} == dict.fromkeys(WAYS, (5, 0))
    assert {step.error["code"] for step in steps.values()} == {"quarantined"}
    assert all("begun 5 times" in step.error["message"] for step in steps.values())
    for way in WAYS:
        told = JournalEntry.objects.filter(run_id=poison[way], path=way).order_by("seq").values_list("event", flat=True)
        assert list(told) == ["step.lost"] * (limits.MOST_CLAIMS - 1) + ["step.parked"]
    assert Run.objects.filter(pk__in=others, status="succeeded").count() == len(others) == 20
    assert scene.doubled() == {}


def test_k23_steps_that_only_ran_beside_a_poison_are_not_put_aside_with_it(scene: Scene) -> None:
    """Steps that take seconds (as model calls do) share the worker process with a step that kills it."""
    stack = scene.stack
    slow = stack.start_runs(scene.workflow([scene.effect("a", sleep_s=3.0)]), 5)
    poison = scene.workflow([{"id": "p", "kind": "crash.process", "with": {"way": "exit"}}])
    stack.wait_for_hits("claimed_before_effect", 5)
    stack.start_runs(poison, 1)
    stack.wait_until_settled(90)

    assert scene.parked() == ["quarantined"]
    assert Run.objects.filter(pk__in=slow, status="succeeded").count() == 5


def test_p01_a_step_that_hangs_ends_at_its_limit_as_often_as_it_may(scene: Scene) -> None:
    hang = {"id": "hang", "kind": "crash.hang", "with": {"seconds": 20}, "timeout_s": 1}
    slug = scene.workflow([{**hang, "retry": {"attempts": 3, "first_delay_s": 0}}])

    runs = scene.stack.start_runs(slug, 2)
    other = scene.stack.start_runs(scene.workflow([scene.effect("a")]), 1)
    scene.stack.wait_for_end([*runs, *other], 15)

    assert {step.attempts for step in StepRun.objects.filter(step_id="hang")} == {3}
    assert {Run.objects.get(pk=run).error["message"] for run in runs} == {"The step took longer than its 1 seconds."}
    assert Run.objects.get(pk=other[0]).status == "succeeded"


@pytest.mark.parametrize("_", pace.rounds())
def test_k26_processes_of_today_live_with_the_tables_of_tomorrow(scene: Scene, _: int) -> None:
    """The half of K26 that one version can show: columns with defaults and an index come while runs are under way and
    processes are killed and started again (old code over new tables). New code over old rows is what every test of the
    other folders does that reads a version of an older format; two versions of the code side by side are not run here.
    """
    slug = scene.workflow([scene.effect(f"s{n}", sleep_s=0.1) for n in range(4)])
    runs = scene.stack.start_runs(slug, 4)
    try:
        _alter(
            "ALTER TABLE workflows_steprun ADD COLUMN of_tomorrow integer NOT NULL DEFAULT 7",
            "ALTER TABLE workflows_run ADD COLUMN of_tomorrow text",
            "CREATE INDEX of_tomorrow ON workflows_run (of_tomorrow)",
        )
        runs += scene.stack.start_runs(slug, 4)
        scene.stack.kill("worker")
        scene.stack.kill("web")
        scene.stack.wait_until_web_answers()
        runs += scene.stack.start_runs(slug, 4)
        scene.stack.wait_for_end(runs, RECOVERY_S + 4)
    finally:
        _alter(
            "DROP INDEX IF EXISTS of_tomorrow",
            "ALTER TABLE workflows_run DROP COLUMN IF EXISTS of_tomorrow",
            "ALTER TABLE workflows_steprun DROP COLUMN IF EXISTS of_tomorrow",
        )

    assert Run.objects.filter(status="succeeded").count() == len(runs) == 12
    assert scene.doubled() == {}


def _alter(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
