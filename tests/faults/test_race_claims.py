"""Many workers, one step: it is performed once (cases R01 and R09)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.crowd import at_once, begin_and_stop, errors, room_for_all, scaled, together
from tests.steps import probes
from tests.workflows.runtime.harness import published, run_of, silent_broker
from workflows.models import JournalEntry, Run, Workflow
from workflows.runtime import worker

__all__ = ["room_for_all"]
pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = scaled(10)
NAP = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 0}}


def probe(id: str, **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "probe.keyed", "with": {"value": id}, **rest}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def sent_once_each() -> bool:
    return not [key for key, times in Counter(key for key, _ in probes.SENT).items() if times > 1]


def test_r01_of_64_workers_that_look_at_one_ready_step_one_performs_it(room_for_all: None) -> None:
    workflow = published([NAP, probe("a")])
    steps = [begin_and_stop(run_of(workflow)) for _ in range(ROUNDS)]

    with silent_broker():
        for step in steps:
            assert errors(at_once(64, lambda number, step=step: worker.look("step", step.pk))) == []

    assert (len(probes.SENT), sent_once_each()) == (len(steps), True)
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert JournalEntry.objects.filter(event="step.succeeded", path="nap").count() == len(steps)


def test_r01_of_64_workers_that_look_at_one_queued_run_one_begins_it(room_for_all: None) -> None:
    workflow = published([probe("a")])
    runs = [run_of(workflow) for _ in range(ROUNDS)]

    with silent_broker():
        for run in runs:
            assert errors(at_once(64, lambda number, run=run: worker.look("run", run.pk))) == []

    assert (len(probes.SENT), sent_once_each()) == (len(runs), True)
    assert JournalEntry.objects.filter(event="run.began").count() == len(runs)
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}


def meeting(count: int) -> probes.Deed:
    """All steps that do this end at the same instant."""
    gate = threading.Barrier(count)

    def deed(ctx: Any) -> str:
        gate.wait(60)
        return "here"

    return deed


@pytest.mark.parametrize("branches", [2, 8])
def test_r09_items_that_end_in_the_same_instant_are_joined_once(branches: int) -> None:
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": list(range(branches)), "concurrency": branches},
        "steps": [probe("work")],
    }
    workflow = published([each, probe("after")])

    for _ in range(ROUNDS):
        run = begun_with_children(workflow, branches)
        probes.DEEDS["work"] = meeting(branches)
        children = list(run.child_runs.values_list("pk", flat=True))
        with silent_broker():
            assert errors(at_once(branches, lambda number, ids=children: worker.look("run", ids[number]))) == []

        run.refresh_from_db()
        assert run.status == "succeeded", "the last of them joins, without a sweep"
        assert run.journal.filter(event="step.succeeded", path="each").count() == 1

    assert (len(probes.SENT), sent_once_each()) == (ROUNDS * (branches + 1), True)


def begun_with_children(workflow: Workflow, count: int) -> Run:
    """A run that waits for its children, of which none has begun."""
    run = run_of(workflow)
    with silent_broker():
        worker.begin(run.pk)
    assert run.child_runs.filter(status="queued", held=False).count() == count
    return run


def test_r09_arms_that_end_in_the_same_instant_go_on_once() -> None:
    arms = {
        "id": "both",
        "kind": "flow.parallel",
        "arms": [{"title": "one", "steps": [probe("one")]}, {"title": "two", "steps": [probe("two")]}],
    }
    workflow = published([arms, probe("after")])

    for _ in range(ROUNDS):
        run = run_of(workflow)
        probes.DEEDS["one"] = probes.DEEDS["two"] = meeting(2)
        with silent_broker():
            first = worker.begin(run.pk)
            assert isinstance(first, worker.Claimed)
            other = run.steps.get(status="ready")
            results = together([lambda work=first: go_on(work), lambda id=other.pk: worker.look("step", id)])
        assert errors(results) == []

        run.refresh_from_db()
        assert run.status == "succeeded"
        assert run.journal.filter(event="step.succeeded", path="both").count() == 1

    assert (len(probes.SENT), sent_once_each()) == (ROUNDS * 3, True)


def go_on(work: worker.Claimed) -> None:
    """What `worker.look` does with a claim it holds."""
    after: worker.Next = work
    while isinstance(after, worker.Claimed):
        after = worker.carry_out(after)
