"""What a run does in the transaction that accepts it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from departments.access import SYSTEM
from tests.steps import probes
from tests.workflows.runtime.harness import carried, published, silent_broker, statuses
from workflows.models import Run, Workflow
from workflows.runtime import queue, stints
from workflows.runtime.stints import Stint
from workflows.services.runs import accept_run

pytestmark = pytest.mark.django_db(transaction=True)

GREET = {"id": "greet", "kind": "text.compose", "with": {"text": "Hello"}}
WORK = {"id": "work", "kind": "probe.keyed", "with": {"value": "{{ steps.greet.text }}"}}


@pytest.fixture(autouse=True)
def probes_forget() -> None:
    probes.reset()


def start(workflow: Workflow) -> Run:
    with silent_broker():
        return accept_run(workflow, inputs={}, actor=SYSTEM).run


def told(workflow: Workflow) -> list[tuple[str, int]]:
    """The words that went to workers."""
    words: list[tuple[str, int]] = []

    def publish(kind: str, ids: list[Any], priority: int) -> bool:
        words.append((kind, len(ids)))
        return True

    with patch.object(queue, "publish", publish):
        accept_run(workflow, inputs={}, actor=SYSTEM)
    return words


def test_a_run_of_local_steps_is_over_when_it_is_accepted_and_no_worker_hears_of_it() -> None:
    workflow = published([GREET], output={"said": "{{ steps.greet.text }}"})

    words = told(workflow)

    run = Run.objects.get()
    assert (run.status, run.output, words) == ("succeeded", {"said": "Hello"}, [])
    assert list(run.journal.values_list("seq", "event")) == [
        (1, "run.accepted"),
        (2, "run.began"),
        (3, "step.succeeded"),
        (4, "run.succeeded"),
    ]


def test_a_step_that_reaches_outside_is_left_to_a_worker() -> None:
    workflow = published([GREET, WORK])

    words = told(workflow)

    run = Run.objects.get()
    assert (run.status, statuses(run), words) == ("running", {"greet": "succeeded", "work": "ready"}, [("step", 1)])
    assert probes.SENT == []
    assert carried(run).status == "succeeded"


def test_items_are_brought_up_by_a_worker() -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2]}, "steps": [GREET]}
    workflow = published([each])

    run = start(workflow)

    assert (run.status, Run.objects.filter(parent=run).count()) == ("running", 0)
    assert carried(run).status == "succeeded"


@pytest.mark.parametrize("stint", [Stint(steps=1, seconds=60), Stint(steps=60, seconds=0)])
def test_what_takes_too_long_is_left_to_a_worker(stint: Stint) -> None:
    steps = [{**GREET, "id": f"s{number}"} for number in range(4)]
    workflow = published(steps)

    with patch("workflows.runtime.accepting.AT_THE_START", stint):
        run = start(workflow)

    assert run.status == "running"
    assert "ready" in statuses(run).values()
    assert carried(run).status == "succeeded"


def test_a_transaction_that_is_full_leaves_the_next_step_to_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [{**GREET, "id": f"s{number}"} for number in range(4)]
    monkeypatch.setattr(stints, "WORKER", Stint(steps=1, seconds=60))
    monkeypatch.setattr("workflows.runtime.accepting.AT_THE_START", Stint(steps=1, seconds=60))

    run = carried(start(published(steps)))

    assert run.status == "succeeded"


def test_a_failing_step_fails_the_run_at_once() -> None:
    workflow = published([GREET], output={"said": "{{ steps.greet.text | plus: 1 | divided_by: 0 }}"})

    run = start(workflow)

    assert (run.status, run.finished_at is not None) == ("failed", True)
    assert run.error
    assert "cannot" in run.error["message"]


def test_a_question_is_asked_at_once() -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May we?"}}

    run = start(published([ask]))

    assert (run.status, run.tasks.get().question) == ("waiting", "May we?")


def test_a_defect_of_the_engine_leaves_an_accepted_run_to_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = published([GREET])

    with monkeypatch.context() as broken:
        broken.setattr("workflows.engine.plan.plan", lambda *_: 1 / 0)
        run = start(workflow)

    assert (run.status, Run.objects.get().status) == ("queued", "queued")
    assert carried(run).status == "succeeded"


def test_a_worker_knows_the_names_of_workflow_and_department() -> None:
    names = "{{ workflow.name }} of {{ department.name }} ({{ department.slug }})"
    workflow = published([{**WORK, "with": {"value": names}}])

    run = carried(start(workflow))

    department = workflow.department
    assert run.steps.get().output == {"value": f"{workflow.name} of {department.name} ({department.slug})"}
