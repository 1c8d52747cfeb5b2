"""What happens when something goes wrong: errors, lost workers, poison, cancelling, going on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from connectors.sdk import RateLimited, Rejected, Unavailable
from departments.access import SYSTEM
from tests.steps import probes
from tests.workflows.runtime.harness import (
    carried,
    claim,
    done,
    lose_the_worker,
    published,
    run_of,
    silent_broker,
    statuses,
)
from workflows.models import Run, StepRun, Version
from workflows.runtime import limits, store, sweeping, worker
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run, resume_run, retry_run
from workflows.services.workflows import publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = {"attempts": 3, "first_delay_s": 0, "longest_s": 0}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def probe(id: str, kind: str = "probe.keyed", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "with": {"value": id}, **rest}


def failing(error: Exception, times: int = 10**9) -> probes.Deed:
    left = [times]

    def deed(ctx: Any) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return "at last"

    return deed


def test_what_may_pass_is_tried_again_as_often_as_the_step_says() -> None:
    probes.DEEDS["a"] = failing(Unavailable("nobody there"), times=2)

    run = done([probe("a", retry=AT_ONCE)], output={"v": "{{ steps.a.value }}"})

    assert run.output == {"v": "at last"}
    assert [(attempt.number, bool(attempt.error)) for attempt in run.steps.get().tries.all()] == [
        (1, True),
        (2, True),
        (3, False),
    ]
    assert len({key for key, _ in probes.SENT}) == 1


def test_what_cannot_pass_is_not_tried_again_and_says_why() -> None:
    probes.DEEDS["a"] = failing(Rejected("The other side said no."))

    run = done([probe("a", retry=AT_ONCE, title="Send it"), probe("b")])

    assert run.status == "failed"
    assert run.error == {"code": "rejected", "message": "The other side said no.", "step": "a", "title": "Send it"}
    assert statuses(run) == {"a": "failed"}
    assert len(probes.SENT) == 1


def test_a_server_that_names_a_time_is_not_asked_before_it() -> None:
    probes.DEEDS["a"] = failing(RateLimited("slow down", retry_after=timedelta(minutes=7)), times=1)

    run = done([probe("a", retry=AT_ONCE)])

    step = run.steps.get()
    assert (run.status, step.status) == ("waiting", "ready")
    assert timedelta(minutes=6) < step.run_after - step.created_at < timedelta(minutes=8)


def test_a_failure_that_the_workflow_tolerates_lets_it_go_on() -> None:
    probes.DEEDS["a"] = failing(Rejected("no"))

    run = done([probe("a", on_error="continue"), probe("b")], output={"a": "{{ steps.a.value }}"})

    assert (run.status, run.output, statuses(run)) == ("succeeded", {"a": None}, {"a": "failed", "b": "succeeded"})


def test_a_lost_worker_costs_its_lease_and_nothing_else() -> None:
    run = run_of(published([probe("a"), probe("b")]))
    claim(run)
    lose_the_worker(run, "a")

    carried(run)

    assert run.refresh_from_db() is None
    assert run.status == "succeeded"
    assert [path for _, path in probes.SENT] == ["a", "b"]
    assert list(run.journal.filter(event="step.lost").values_list("path", flat=True)) == ["a"]


def test_a_worker_that_wakes_up_late_may_not_write() -> None:
    run = run_of(published([probe("a"), probe("b")]))
    zombie = claim(run)
    lose_the_worker(run, "a")
    carried(run)

    with pytest.raises(store.LostAuthority):
        worker.carry_out(zombie)

    run.refresh_from_db()
    assert run.status == "succeeded"
    assert run.steps.get(step_id="a").tries.count() == 1


def test_a_step_that_loses_its_worker_five_times_is_put_aside_for_a_person() -> None:
    run = run_of(published([probe("a")]))
    with silent_broker():
        worker.begin(run.pk)
    for _ in range(limits.MOST_CLAIMS):
        lose_the_worker(run, "a")
        sweeping.expire_leases()
        store.claim(run.steps.get().pk, uuid4())

    step = run.steps.get()
    run.refresh_from_db()
    assert (step.status, step.claims, step.error["code"]) == ("parked", 5, "quarantined")
    assert run.status == "waiting"
    assert probes.SENT == []


def test_an_effect_that_may_already_have_happened_is_never_repeated_by_itself() -> None:
    run = run_of(published([probe("a", kind="probe.unsafe")]))
    work = claim(run)
    store.announce_effect(work.step)
    lose_the_worker(run, "a")

    carried(run)

    step = run.steps.get()
    assert (step.status, step.error["code"], run.status) == ("parked", "outcome_unknown", "waiting")
    assert probes.SENT == []


def test_a_parked_step_runs_again_when_a_person_says_so() -> None:
    run = run_of(published([probe("a", kind="probe.unsafe")]))
    store.announce_effect(claim(run).step)
    lose_the_worker(run, "a")
    carried(run)

    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)

    assert run.status == "succeeded"
    assert len(probes.SENT) == 1


def test_going_on_repeats_no_finished_step() -> None:
    probes.DEEDS["b"] = failing(Rejected("no"), times=1)
    run = done([probe("a"), probe("b"), probe("c")])

    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)

    assert run.status == "succeeded"
    assert [path for _, path in probes.SENT] == ["a", "b", "b", "c"]


def test_going_on_with_a_newer_version_takes_what_was_put_right() -> None:
    probes.DEEDS["b"] = failing(Rejected("no"))
    workflow = published([probe("a"), probe("b")])
    run = carried(run_of(workflow))
    save_draft(
        workflow, {"format": 1, "name": "Probe", "steps": [probe("a"), probe("fixed"), probe("c")]}, actor=SYSTEM
    )
    publish_workflow(workflow, note="b never works", actor=SYSTEM)

    with silent_broker():
        resume_run(run, actor=SYSTEM)
    carried(run)

    assert (run.status, run.version.number) == ("succeeded", 2)
    assert [path for _, path in probes.SENT] == ["a", "b", "fixed", "c"]


def test_a_failed_item_fails_the_list_and_going_on_repeats_only_that_item() -> None:
    probes.DEEDS["work"] = lambda ctx: (
        failing(Rejected("bad apple"))(ctx) if ctx.names["item"] == "y" and len(probes.SENT) < 5 else ctx.names["item"]
    )
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ inputs.items }}", "concurrency": 1},
        "steps": [probe("work")],
    }
    run = done(
        [each],
        inputs={"items": {"type": "list"}},
        given={"items": ["x", "y", "z"]},
        output={"r": "{{ steps.each.results }}"},
    )
    assert (run.status, run.error["message"]) == ("failed", "Item 2 of 3 failed: bad apple")
    probes.DEEDS["work"] = lambda ctx: ctx.names["item"]

    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)

    assert run.output == {"r": [{"value": "x"}, {"value": "y"}, {"value": "z"}]}
    assert len(probes.SENT) == 4


def test_items_that_fail_are_left_out_when_the_list_keeps_going() -> None:
    probes.DEEDS["work"] = lambda ctx: failing(Rejected("no"))(ctx) if ctx.names["item"] == "y" else ctx.names["item"]
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ inputs.items }}", "keep_going": True},
        "steps": [probe("work")],
        "output": "{{ steps.work.value }}",
    }

    run = done(
        [each], inputs={"items": {"type": "list"}}, given={"items": ["x", "y"]}, output={"r": "{{ steps.each }}"}
    )

    assert run.output == {"r": {"results": ["x", None], "count": 2, "failed": 1}}


def test_cancelling_reaches_every_item_and_stops_what_is_under_way() -> None:
    wait = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ inputs.items }}", "concurrency": 2},
        "steps": [wait],
    }
    run = done([each], inputs={"items": {"type": "list"}}, given={"items": [1, 2, 3]})
    assert run.status == "running"

    cancel_run(run, actor=SYSTEM)

    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}
    assert not StepRun.objects.exclude(status="cancelled").exists()
    with pytest.raises(Conflict):
        cancel_run(run, actor=SYSTEM)


def test_a_step_of_a_cancelled_run_may_not_write() -> None:
    run = run_of(published([probe("a"), probe("b")]))
    work = claim(run)
    cancel_run(run, actor=SYSTEM)

    with pytest.raises(store.LostAuthority):
        worker.carry_out(work)

    assert statuses(run) == {"a": "cancelled"}


def test_a_wait_ends_not_before_its_time() -> None:
    run = done([{"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}, probe("a")])
    assert (run.status, statuses(run)) == ("waiting", {"nap": "waiting"})

    StepRun.objects.filter(step_id="nap").update(wake_at=Now())
    carried(run)

    assert run.status == "succeeded"


def test_a_step_that_breaks_in_an_unknown_way_fails_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    probes.DEEDS["a"] = failing(Nasty())
    probes.DEEDS["b"] = failing(ValueError("x" * 50_000_000 + "\ud800\x00"))

    run = done([probe("a", on_error="continue"), probe("b")])

    assert run.steps.get(step_id="a").error["message"] == "The step kind probe.keyed broke: Nasty: (no description)."
    assert run.error["code"] == "defect"
    assert len(run.error["message"]) < 8_000
    assert "step.defect: probe.keyed" in caplog.text
    assert len(caplog.text.encode()) < 20_000


@pytest.mark.parametrize(
    "value", [{1, 2}, float("nan"), float("inf"), b"x", "a\x00b", "\ud800", 2**70, object, {1: 2}], ids=repr
)
def test_an_output_that_cannot_be_stored_is_named_at_its_step(value: Any) -> None:
    probes.DEEDS["a"] = lambda ctx: {"value": value}

    run = done([{"id": "a", "kind": "probe.plain"}])

    assert (run.status, run.error["code"], run.error["step"]) == ("failed", "bad_output", "a")


def test_marker_keys_remain_plain_data() -> None:
    value = {"lc": 1, "__class__": "x", "$ref": "#", "__proto__": {}, "py/object": "os.system", "t": "!!python/object"}
    probes.DEEDS["a"] = lambda ctx: {"value": value}

    run = done([{"id": "a", "kind": "probe.plain"}], output={"v": "{{ steps.a.value }}"})

    assert run.output == {"v": value}


def test_an_output_over_a_megabyte_lies_in_a_file_and_reads_the_same() -> None:
    probes.DEEDS["a"] = lambda ctx: {"value": "é" * 1_500_000}

    run = done([{"id": "a", "kind": "probe.plain"}], output={"n": "{{ steps.a.value | size }}"})

    assert run.output == {"n": "1500000"}
    assert run.steps.get().output is None
    assert len(run.steps.get().output_sha256) == 64


def test_a_loop_without_exit_ends_at_the_limit_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STEPS_PER_RUN", 50)
    loop = {
        "id": "again",
        "kind": "flow.loop",
        "with": {"times": 1000},
        "steps": [{"id": "x", "kind": "text.compose", "with": {"text": "x"}}],
    }

    run = done([loop])

    assert (run.status, run.error["code"], run.steps.count()) == ("failed", "too_many_steps", 50)


def test_a_step_past_its_time_limit_ends_and_its_thread_may_not_write(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    gate = threading.Event()
    probes.DEEDS["a"] = lambda ctx: gate.wait(10)
    run = run_of(published([probe("a", timeout_s=1, retry={"attempts": 1})]))

    with silent_broker():
        stuck = threading.Thread(target=worker.look, args=("run", run.pk))
        stuck.start()
        for _ in range(60):
            run.refresh_from_db()
            if run.status == "failed":
                break
            threading.Event().wait(0.1)
        gate.set()
        stuck.join()

    run.refresh_from_db()
    assert (run.status, run.error["message"]) == ("failed", "The step took longer than its 1 seconds.")
    assert run.steps.get().tries.count() == 1


def test_runs_keep_the_version_they_began_with() -> None:
    workflow = published([{"id": "nap", "kind": "flow.wait", "with": {"for_s": 60}}, probe("old")])
    run = carried(run_of(workflow))
    save_draft(workflow, {"format": 1, "name": "Probe", "steps": [probe("new")]}, actor=SYSTEM)
    publish_workflow(workflow, note="", actor=SYSTEM)

    StepRun.objects.filter(step_id="nap").update(wake_at=Now())
    carried(run)

    assert set(statuses(run)) == {"nap", "old"}
    assert Version.objects.count() == 2


def test_a_step_that_wants_to_end_the_process_only_fails() -> None:
    probes.DEEDS["a"] = failing(SystemExit(3))  # type: ignore[arg-type]

    run = done([probe("a")])

    assert (run.status, run.error["message"]) == ("failed", "The step kind probe.keyed broke: SystemExit: 3.")


def test_a_run_whose_version_cannot_be_read_fails_instead_of_coming_back_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: Any) -> None:
        raise KeyError("future format")

    run = run_of(published([probe("a")]))
    monkeypatch.setattr("workflows.engine.plan.plan", broken)

    carried(run)

    assert (run.status, run.error["code"]) == ("failed", "defect")
    assert "future format" in run.error["message"]


def test_what_items_cost_counts_once_for_the_run_around_them() -> None:
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": [1, 2, 3]},
        "steps": [probe("work")],
    }
    run = run_of(published([each, {"id": "nap", "kind": "flow.wait", "with": {"for_s": 60}}]))
    with silent_broker():
        worker.begin(run.pk)
    Run.objects.filter(parent=run).update(cost_usd="0.25", tokens=10)

    carried(run)

    assert (float(run.cost_usd), run.tokens) == (0.75, 30)
