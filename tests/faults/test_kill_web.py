"""K01, K02, K19, K21 and R04: the web process dies around an acceptance, a decision or a cancellation."""

from __future__ import annotations

import pytest

from audit.models import Entry
from tests.faults import pace
from tests.faults.scenes import Scene, at_last
from workflows.models import IdempotencyKey, JournalEntry, Run, StepRun, Task

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 8
RECOVERY_S = pace.LEASE.total_seconds() + 20
KEYS = [f"key-{number}" for number in range(AT_ONCE)]


@pytest.mark.parametrize("_", pace.rounds())
def test_k01_r04_a_web_process_killed_before_the_commit_has_accepted_nothing(scene: Scene, _: int) -> None:
    slug = scene.workflow([scene.effect("a")])
    scene.stack.strike("web", at_last("before_run_commit", "kill9", AT_ONCE))

    answers = scene.at_once(slug, KEYS)

    assert [answer.status for answer in answers] == [0] * AT_ONCE
    assert not Run.objects.exists()
    assert not JournalEntry.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert not Entry.objects.filter(verb="run.started").exists()

    scene.stack.wait_until_web_answers()
    again = scene.at_once(slug, KEYS)
    third = scene.at_once(slug, KEYS)
    scene.stack.wait_for_end([answer.body["id"] for answer in again], RECOVERY_S)

    assert [answer.status for answer in again] == [201] * AT_ONCE, "a key whose run was lost starts it anew"
    assert [answer.body["id"] for answer in third] == [answer.body["id"] for answer in again]
    assert Run.objects.filter(status="succeeded").count() == AT_ONCE


@pytest.mark.parametrize("point", ["run_committed_before_publish", "published_before_ack"])
@pytest.mark.parametrize("_", pace.rounds())
def test_k02_a_web_process_killed_after_the_commit_has_accepted_all(scene: Scene, point: str, _: int) -> None:
    slug = scene.workflow([scene.effect("a")])
    scene.stack.strike("web", at_last(point, "kill9", AT_ONCE))

    answers = scene.at_once(slug, KEYS)
    accepted = [str(id) for id in Run.objects.values_list("pk", flat=True)]
    scene.stack.wait_for_end(accepted, RECOVERY_S)
    scene.stack.wait_until_web_answers()
    again = scene.at_once(slug, KEYS)

    assert [answer.status for answer in answers] == [0] * AT_ONCE
    assert len(accepted) == AT_ONCE
    assert {answer.body["id"] for answer in again} == set(accepted), "the same key finds the run it started"
    assert Run.objects.filter(status="succeeded").count() == AT_ONCE
    assert sum(scene.sink.effects(effect="keyed").values()) == AT_ONCE


@pytest.mark.parametrize("_", pace.rounds())
def test_k19_a_decision_stands_though_the_web_process_died_before_it_told_anybody(scene: Scene, _: int) -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?"}}
    slug = scene.workflow([ask, scene.effect("b")])
    runs = scene.stack.start_runs(slug, 4)
    scene.stack.wait(lambda: Task.objects.filter(status="open").count() == 4, 10, "four questions")
    tasks = [str(id) for id in Task.objects.values_list("pk", flat=True)]
    scene.stack.strike("web", at_last("approval_committed_before_publish", "kill9", 4))

    answers = scene.at_the_same_time([("POST", f"tasks/{task}/decide", {"decision": "approve"}) for task in tasks])
    scene.stack.wait_for_end(runs, RECOVERY_S)
    scene.stack.wait_until_web_answers()
    late = scene.stack.call("POST", f"tasks/{tasks[0]}/decide", {"decision": "reject", "reason": "No."})

    assert [answer.status for answer in answers] == [0] * 4
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert sum(scene.sink.effects(effect="keyed").values()) == 4
    assert late.status == 409
    assert Entry.objects.filter(verb="task.decided").count() == 4


@pytest.mark.parametrize("_", pace.rounds())
def test_k21_a_cancellation_that_dies_in_the_middle_has_cancelled_nothing(scene: Scene, _: int) -> None:
    """P22, and the answer to who asks again."""
    scene.sink.behave(answer="hold")
    slug = scene.workflow([scene.effect("a"), scene.effect("b")])
    (run,) = scene.stack.start_runs(slug, 1)
    scene.stack.wait(lambda: scene.sink.held == 1, 10, "the first step's request")
    scene.stack.strike("web", "cancel_between_any:kill9@1")

    died = scene.stack.call("POST", f"runs/{run}/cancel")
    assert (died.status, Run.objects.get().status) == (0, "running")
    scene.stack.wait_until_web_answers()
    again = scene.stack.call("POST", f"runs/{run}/cancel")
    scene.sink.behave()
    scene.stack.wait_for_hits("response_before_completion_tx", 1)
    scene.stack.keep_for(0.5)

    assert again.status == 200
    assert Run.objects.get().status == "cancelled"
    assert not StepRun.objects.filter(path="b").exists()


POINTS = (
    "msg_received_before_claim",
    "claim_sent_ack_lost",
    "claimed_before_effect",
    "intent_committed_before_send",
    "response_before_completion_tx",
    "in_completion_tx",
    "commit_sent_ack_lost",
    "committed_before_publish",
    "published_before_ack",
)


@pytest.mark.parametrize("point", POINTS)
def test_k21_a_run_that_is_cancelled_at_any_point_begins_nothing_afterwards(scene: Scene, point: str) -> None:
    arms = [{"steps": [scene.effect("x", "unsafe")]}, {"steps": [scene.effect("y")]}]
    # However long the cancellation takes to come: the run has not ended by then.
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 600}}
    slug = scene.workflow([{"id": "both", "kind": "flow.parallel", "arms": arms}, scene.effect("z"), nap])
    # A settlement holds the run's row: whoever cancels waits for it.
    scene.stack.strike("worker", f"{point}:delay:0.8@1" if point == "in_completion_tx" else f"{point}:hold@1+")

    (run,) = scene.stack.start_runs(slug, 1)
    scene.stack.wait_for_hits(point, 1)
    answer = scene.stack.call("POST", f"runs/{run}/cancel")
    begun = set(StepRun.objects.filter(run=run, started_at__isnull=False).values_list("step_id", flat=True))
    known = StepRun.objects.filter(run=run).count()
    scene.stack.strike("worker", "")
    scene.stack.keep_for(1.0)

    assert answer.status == 200
    assert Run.objects.get().status == "cancelled"
    assert StepRun.objects.filter(run=run).count() == known
    assert {record.name for record in scene.sink.arrived()} <= begun
    assert not StepRun.objects.filter(run=run).exclude(status__in=["cancelled", "succeeded"]).exists()


def test_k21_a_claim_that_outlived_its_run_sends_nothing(scene: Scene) -> None:
    """Held between claim and effect for two heartbeats after the cancellation: the worker can know by then."""
    slug = scene.workflow([scene.effect("a"), scene.effect("b")])
    scene.stack.strike("worker", "claimed_before_effect:hold@1+")
    (run,) = scene.stack.start_runs(slug, 1)
    scene.stack.wait_for_hits("claimed_before_effect", 1)

    answer = scene.stack.call("POST", f"runs/{run}/cancel")
    beats = scene.stack.hits()["heartbeat_dies_step_lives"]
    scene.stack.wait_for_hits("heartbeat_dies_step_lives", beats + 2)
    scene.stack.strike("worker", "")
    scene.stack.keep_for(1.0)

    assert (answer.status, Run.objects.get().status) == (200, "cancelled")
    assert scene.sink.arrived() == []
