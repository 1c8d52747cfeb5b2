"""Runs that wait for an event, and events that come before or after: each is taken once (case R08)."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection

from connectors.sdk.triggers import Event
from departments.access import Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Awaited, Run, StepRun, Trigger, TriggerEvent, Workflow
from workflows.runtime import faults, listening, worker
from workflows.services import firing
from workflows.services.refusals import ValidationError
from workflows.services.triggers import Wanted, change, set_up

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    waits = {"event": "signed", "reference": "{{ inputs.contract }}", "within_h": 1, "if_none": "{{ inputs.if_none }}"}
    return published(
        [{"id": "signed", "kind": "flow.event", "with": waits}],
        legal,
        inputs={"contract": {"type": "text"}, "if_none": {"type": "text", "default": "fail"}},
        output={"told": "{{ steps.signed.event }}", "came": "{{ steps.signed.came }}"},
    )


@pytest.fixture
def signed(workflow: Workflow, bea: Actor) -> Trigger:
    wanted = Wanted("Signed", {"proof": "none"}, reference="{{ event.body.contract }}")
    return set_up(workflow, "web.hook", wanted, actor=bea)[0]


def event_of(contract: str, key: str = "") -> Event:
    data = {"body": {"contract": contract, "by": "Ada"}, "headers": {}, "query": {}}
    return Event(key or contract, data, title="signed by Ada")


def tells(trigger: Trigger, contract: str, key: str = "") -> firing.Fired:
    with silent_broker():
        return firing.fire(trigger, event_of(contract, key))


def waiting(workflow: Workflow, contract: str, **inputs: Any) -> Run:
    return carried(run_of(workflow, contract=contract, **inputs))


def test_an_event_that_comes_later_goes_to_the_run_that_waits_for_it(workflow: Workflow, signed: Trigger) -> None:
    runs = [waiting(workflow, "A"), waiting(workflow, "B")]
    assert [run.status for run in runs] == ["waiting", "waiting"]

    assert tells(signed, "B").run_id is None

    assert carried(runs[1]).output == {"told": dict(event_of("B").data), "came": True}
    assert carried(runs[0]).status == "waiting"
    event = TriggerEvent.objects.get()
    assert (event.outcome, event.run_id) == ("taken", runs[1].pk)
    assert list(Awaited.objects.values_list("reference", flat=True)) == ["A"]


def test_an_event_that_came_before_is_kept_for_the_run(workflow: Workflow, signed: Trigger) -> None:
    assert tells(signed, "A").outcome == "kept"
    assert not Run.objects.exists()

    run = waiting(workflow, "A")

    assert carried(run).output["came"] is True
    assert waiting(workflow, "A").status == "waiting", "it is taken once"


def test_an_event_told_twice_is_one(workflow: Workflow, signed: Trigger) -> None:
    first, second = waiting(workflow, "A"), waiting(workflow, "A")
    assert [tells(signed, "A", key="7").is_new for _ in range(2)] == [True, False]
    assert sorted(carried(run).status for run in (first, second)) == ["succeeded", "waiting"]


def test_an_event_whose_run_stopped_waiting_at_that_moment_is_kept_for_another(
    workflow: Workflow, signed: Trigger
) -> None:
    run = waiting(workflow, "A")
    tells(signed, "B")
    step, event = StepRun.objects.get(run=run), TriggerEvent.objects.get()
    StepRun.objects.filter(pk=step.pk).update(status="cancelled", waits_for="")  # after it was looked for

    listening._bring_together(event.pk, step.pk)

    event.refresh_from_db()
    assert (event.outcome, event.run_id) == ("kept", None)


def test_who_dies_between_writing_and_looking_leaves_it_to_the_sweep(
    workflow: Workflow, signed: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = waiting(workflow, "A")
    monkeypatch.setattr(faults, "hook", dies)
    with pytest.raises(Killed):
        tells(signed, "A")
    monkeypatch.setattr(faults, "hook", None)
    assert StepRun.objects.get(run=run).status == "waiting"

    with silent_broker():
        assert [listening.look_again(), listening.look_again()] == [1, 0]

    assert carried(run).status == "succeeded"


def test_a_look_that_fails_is_no_business_of_whoever_told_of_the_event(
    workflow: Workflow, signed: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = waiting(workflow, "A")
    monkeypatch.setattr(faults, "hook", breaks)
    assert tells(signed, "A").outcome == "kept"
    monkeypatch.setattr(faults, "hook", None)
    assert carried(run).status == "succeeded"


def breaks(point: str) -> None:
    if point == "event_written_before_look":
        raise RuntimeError("the database is away")


class Killed(BaseException):
    pass


def dies(point: str) -> None:
    if point == "event_written_before_look":
        raise Killed


@pytest.mark.parametrize(("if_none", "status"), [("fail", "failed"), ("go_on", "succeeded")])
def test_when_none_comes_the_step_fails_or_the_run_goes_on(
    workflow: Workflow, signed: Trigger, if_none: str, status: str
) -> None:
    run = waiting(workflow, "A", if_none=if_none)
    StepRun.objects.filter(run=run).update(wake_at="2020-01-01T00:00:00Z")

    run = carried(run)

    assert run.status == status
    said = (run.error or {}).get("message", "")
    assert ("reference A came within 1 hours" in said) == (status == "failed")
    assert tells(signed, "A").outcome == "kept"
    assert TriggerEvent.objects.get().outcome == "kept", "who has given up takes nothing more"


def test_a_reference_that_is_empty_or_a_trigger_that_is_not_there_is_said(
    workflow: Workflow, signed: Trigger, bea: Actor
) -> None:
    fired = tells(signed, " ")
    assert (fired.outcome, fired.said) == ("refused", "It has no reference, so it belongs to no run.")
    with pytest.raises(ValidationError) as refused:
        change(signed, Wanted("Signed", {"proof": "none"}, reference="{{ nothing.here }}"), actor=bea)
    assert set(refused.value.message_dict) == {"reference"}
    change(signed, Wanted("Came back", {"proof": "none"}, reference="{{ event.body.id }}"), actor=bea)
    assert Trigger.objects.get().slug == "signed", "steps go on calling it so"
    change(signed, Wanted("Came back", {"proof": "none"}), actor=bea)

    run = waiting(workflow, "A")

    assert run.status == "failed"
    assert "no trigger “signed” with a reference" in run.error["message"]


def test_r08_events_and_runs_that_come_at_once_find_each_other_once(workflow: Workflow, signed: Trigger) -> None:
    contracts = [str(number) for number in range(int(os.environ.get("R08", "60")))]
    runs = {contract: run_of(workflow, contract=contract) for contract in contracts}
    deeds: list[Callable[[], Any]] = [partial(firing.fire, signed, event_of(each)) for each in contracts]
    deeds += [partial(worker.look, "run", run.pk) for run in runs.values()]
    random.Random(8).shuffle(deeds)
    gate = threading.Barrier(8)

    def work(mine: list[Callable[[], Any]]) -> None:
        gate.wait()
        for deed in mine:
            deed()
        connection.close()

    with silent_broker(), ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [deeds[at::8] for at in range(8)]))

    assert not StepRun.objects.filter(status="waiting").exists(), "before any sweep"
    ended = [carried(run) for run in runs.values()]
    assert {run.status for run in ended} == {"succeeded"}
    taken = dict(TriggerEvent.objects.values_list("run_id", "reference"))
    assert taken == {run.pk: contract for contract, run in runs.items()}
    assert not Awaited.objects.exists()
