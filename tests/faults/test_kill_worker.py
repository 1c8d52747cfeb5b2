"""K03 to K12: the worker dies, or loses its database, at each place between a message and the end of a step."""

from __future__ import annotations

import pytest

from tests.faults import pace
from tests.faults.scenes import CLASSES, Scene, at_last, attempts, everything, lost
from workflows.models import Attempt, Run, StepRun
from workflows.runtime import queue

pytestmark = pytest.mark.django_db(transaction=True)

EACH = 2
"""Runs of each effect class that are on their way when the fault strikes."""
ALL = EACH * len(CLASSES)
RECOVERY_S = pace.LEASE.total_seconds() + 20
SUCCEEDED = {effect: {"succeeded"} for effect in CLASSES}
PARKED = SUCCEEDED | {"unsafe": {"waiting"}}


@pytest.fixture(params=pace.rounds(), ids=str)
def round(request: pytest.FixtureRequest) -> None:
    """The test is repeated FAULT_N times."""


@pytest.mark.usefixtures("round")
def test_k03_a_worker_killed_before_it_claims_leaves_the_runs_for_the_sweep(scene: Scene) -> None:
    scene.stack.strike("worker", at_last("msg_received_before_claim", "kill9", ALL))

    runs = scene.start_each(EACH)
    scene.stack.wait_for_strike("msg_received_before_claim")
    assert not StepRun.objects.exclude(status="ready").exists(), "nothing was claimed"
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == SUCCEEDED
    assert [scene.arrived(effect) for effect in CLASSES] == [[1] * EACH] * len(CLASSES)
    assert lost() == 0, "no lease was needed"


@pytest.mark.usefixtures("round")
def test_k04_a_claim_whose_answer_is_lost_is_acted_on_once(scene: Scene) -> None:
    arms = [{"steps": [scene.effect(f"arm{n}", effect)]} for n, effect in enumerate(("keyed", "unsafe", "keyed"))]
    slug = scene.workflow([{"id": "all", "kind": "flow.parallel", "arms": arms}])
    scene.stack.strike("worker", "claim_sent_ack_lost:drop_conn@1-2")

    runs = scene.stack.start_runs(slug, 1)
    scene.stack.wait_for_strike("claim_sent_ack_lost", 2)
    scene.stack.wait_for_end(runs, RECOVERY_S)

    assert Run.objects.get().status == "succeeded"
    assert [len(scene.sink.arrived(name=f"arm{n}")) for n in range(3)] == [1, 1, 1]
    assert lost() <= 2, "whoever reads its own claim again needs no lease"


@pytest.mark.usefixtures("round")
def test_k05_a_worker_killed_before_the_effect_costs_its_lease(scene: Scene) -> None:
    scene.stack.strike("worker", at_last("claimed_before_effect", "kill9", ALL))

    runs = scene.start_each(EACH)
    scene.stack.wait_for_strike("claimed_before_effect")
    assert scene.sink.arrived() == []
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == SUCCEEDED
    assert [scene.arrived(effect) for effect in CLASSES] == [[1] * EACH] * len(CLASSES)
    assert lost() == ALL


@pytest.mark.usefixtures("round")
def test_k05_connections_cut_while_the_pool_keeps_them_cost_nothing_at_all(scene: Scene) -> None:
    """One run alone, so that no thread is just taking the connection that is being cut."""
    cut = ("claimed_before_effect", "response_before_completion_tx")
    scene.stack.strike("worker", ",".join(f"{point}:drop_conn" for point in cut))

    runs = scene.start_each(1, ["keyed"])
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == {"keyed": {"succeeded"}}
    assert scene.arrived("keyed") == scene.arrived("keyed", "b") == [1]
    assert [len(scene.stack.struck(point)) for point in cut] == [2, 2]
    assert lost() == 0


@pytest.mark.usefixtures("round")
def test_k06_an_announced_effect_that_was_never_sent_is_parked_and_not_sent_by_itself(scene: Scene) -> None:
    slug = scene.workflow([scene.effect("a", "unsafe"), scene.effect("b")])
    mail = scene.workflow([{"id": "m", "kind": "effect.mail", "with": {"port": scene.sink.smtp_port}}])
    scene.stack.strike("worker", at_last("intent_committed_before_send", "kill9", 3))

    runs = [*scene.stack.start_runs(slug, 2), *scene.stack.start_runs(mail, 1)]
    scene.stack.wait_for_strike("intent_committed_before_send")
    scene.stack.wait_until_settled(RECOVERY_S)

    assert scene.parked() == ["outcome_unknown"] * 3
    assert scene.sink.arrived() == []
    assert {scene.stack.call("POST", f"runs/{run}/retry").status for run in runs} == {200}
    scene.stack.wait_for_end(runs, RECOVERY_S)
    assert scene.arrived("unsafe") == [1, 1]
    assert len(scene.sink.arrived(name="someone@example.org")) == 1


@pytest.mark.usefixtures("round")
def test_k07_a_worker_killed_before_it_hears_the_answer_doubles_no_effect(scene: Scene) -> None:
    mail = scene.workflow([scene.effect("a", "unsafe")])
    scene.sink.behave(answer="hold")

    runs = scene.start_each(EACH)
    scene.stack.wait(lambda: scene.sink.held == ALL, 15, f"{ALL} requests without an answer")
    scene.stack.kill("worker")
    scene.sink.behave()
    scene.stack.start_runs(mail, 1)
    scene.stack.wait_until_settled(RECOVERY_S)

    assert scene.statuses(runs) == PARKED
    assert scene.parked() == ["outcome_unknown"] * EACH
    assert scene.arrived("pure") == [2] * EACH, "read again"
    assert scene.arrived("keyed") == [2] * EACH, "sent again, under the same key"
    assert scene.arrived("checkable") == [1] * EACH, "asked, found, not sent again"
    assert scene.arrived("unsafe") == [1] * (EACH + 1)
    assert scene.doubled() == {}


@pytest.mark.usefixtures("round")
def test_k07_an_answer_that_never_comes_doubles_no_request_that_a_person_has_built(scene: Scene) -> None:
    """The same with http.request and a worker that lives: the line is cut after the other side has acted."""
    send = {"method": "POST", "url": f"{scene.sink.url}/effects/a", "body_json": {"a": 1}}
    retry = {"attempts": 3, "first_delay_s": 0}
    headers = {"X-Effect-Key": "{{ run.id }}"}
    keyed = send | {"headers": headers | {"X-Effect": "keyed"}, "idempotency_header": "Idempotency-Key"}
    unsafe = send | {"headers": headers | {"X-Effect": "unsafe"}}
    steps = [{"id": "a", "kind": "http.request", "with": given, "retry": retry} for given in (keyed, unsafe)]
    steps.append(scene.effect("c", "unsafe", retry=retry))

    runs = []
    for step in steps:
        scene.sink.behave(answer="drop", times=1)
        runs += scene.stack.start_runs(scene.workflow([step]), 1)
        scene.stack.wait_until_settled(RECOVERY_S)

    # The connector says itself that it may have been done; a step kind that does not know better is parked.
    assert [Run.objects.get(pk=run).status for run in runs] == ["succeeded", "failed", "waiting"]
    assert [scene.arrived(effect) for effect in ("keyed", "unsafe")] == [[2], [1]]
    assert (scene.arrived("unsafe", "c"), scene.parked()) == ([1], ["outcome_unknown"])
    assert scene.doubled() == {}


@pytest.mark.usefixtures("round")
def test_k08_a_worker_killed_with_the_answer_in_its_hand_doubles_no_effect(scene: Scene) -> None:
    scene.stack.strike("worker", at_last("response_before_completion_tx", "kill9", ALL))

    runs = scene.start_each(EACH)
    scene.stack.wait_for_strike("response_before_completion_tx")
    scene.stack.wait_until_settled(RECOVERY_S)

    assert scene.statuses(runs) == PARKED
    assert scene.parked() == ["outcome_unknown"] * EACH
    assert scene.arrived("pure") == [2] * EACH, "one more read for one kill"
    assert scene.arrived("keyed") == [2] * EACH
    assert scene.arrived("checkable") == scene.arrived("unsafe") == [1] * EACH
    assert scene.doubled() == {}


@pytest.mark.usefixtures("round")
@pytest.mark.parametrize("action", ["kill9", "drop_conn"])
def test_k09_a_settlement_that_does_not_end_leaves_nothing_of_itself(scene: Scene, action: str) -> None:
    rules = at_last("in_completion_tx", action, ALL) if action == "kill9" else f"in_completion_tx:{action}@1-{ALL}"
    scene.stack.strike("worker", rules)

    runs = scene.start_each(EACH)
    scene.stack.wait_for_hits("in_completion_tx", ALL)
    if action == "kill9":
        scene.stack.wait_for_strike("in_completion_tx")
        assert not Attempt.objects.exists()
        assert not StepRun.objects.filter(path="b").exists()
    scene.stack.wait_until_settled(RECOVERY_S)

    # A worker that lives may settle again with the answer it holds; one that died cannot know of the unsafe ones.
    assert scene.statuses(runs) in ([PARKED] if action == "kill9" else [PARKED, SUCCEEDED])
    assert scene.arrived("unsafe") == scene.arrived("checkable") == [1] * EACH
    assert scene.doubled() == {}
    assert attempts("a") == {1}


@pytest.mark.usefixtures("round")
def test_k10_a_commit_whose_answer_is_lost_is_neither_repeated_nor_taken_for_a_failure(scene: Scene) -> None:
    scene.stack.strike("worker", f"in_completion_tx:commit_then_drop@1-{ALL}")

    runs = scene.start_each(EACH)
    scene.stack.wait_for_strike("in_completion_tx", ALL)
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == SUCCEEDED
    assert [scene.arrived(effect) for effect in CLASSES] == [[1] * EACH] * len(CLASSES), "nothing was done again"
    assert attempts("a") == attempts("b") == {1}
    assert lost() <= ALL, "at most a lease is lost"


@pytest.mark.usefixtures("round")
@pytest.mark.parametrize("action", ["kill9", "drop_conn"])
def test_k10_what_happens_after_a_commit_changes_nothing_of_it(scene: Scene, action: str) -> None:
    scene.stack.strike("worker", at_last("commit_sent_ack_lost", action, ALL))

    runs = scene.start_each(EACH)
    scene.stack.wait_for_strike("commit_sent_ack_lost")
    if action == "drop_conn":
        scene.stack.calm()
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == SUCCEEDED
    assert [scene.arrived(effect) for effect in CLASSES] == [[1] * EACH] * len(CLASSES)
    assert attempts("a") == {1}


@pytest.mark.usefixtures("round")
@pytest.mark.parametrize("point", ["committed_before_publish", "published_before_ack"])
def test_k11_k12_steps_of_which_nobody_was_told_or_told_twice_are_done_once(scene: Scene, point: str) -> None:
    """K11 is the word that never went out, K12 the word that went out and comes again from the sweep."""
    arms = [{"steps": [scene.effect(f"arm{n}")]} for n in range(4)]
    slug = scene.workflow([scene.effect("first"), {"id": "all", "kind": "flow.parallel", "arms": arms}])
    scene.stack.strike("worker", f"{point}:kill9@1")

    runs = scene.stack.start_runs(slug, 1)
    scene.stack.wait_for_strike(point)
    scene.stack.wait_for_end(runs, RECOVERY_S)

    assert Run.objects.get().status == "succeeded"
    assert [len(scene.sink.effects(name=f"arm{n}")) for n in range(4)] == [1, 1, 1, 1]
    assert lost() >= 1, "the worker held one of them when it died"


@pytest.mark.usefixtures("round")
def test_k12_ten_words_about_the_same_run_and_step_make_it_happen_once(scene: Scene) -> None:
    scene.sink.behave(answer="hold")
    runs = scene.start_each(1)
    scene.stack.wait(lambda: scene.sink.held == len(CLASSES), 15, "every first step's request")

    for _ in range(10):
        queue.publish("run", [*Run.objects.values_list("pk", flat=True)], 1)
        queue.publish("step", [*StepRun.objects.values_list("pk", flat=True)], 1)
    scene.stack.wait_for_hits("msg_received_before_claim", len(CLASSES) + 80)
    scene.sink.behave()
    scene.stack.wait_for_end(everything(runs), RECOVERY_S)

    assert scene.statuses(runs) == SUCCEEDED
    assert [scene.arrived(effect) for effect in CLASSES] == [[1]] * len(CLASSES)
    assert set(StepRun.objects.values_list("attempts", flat=True)) == {1}
