"""Manual mode with real workers: people carry on what a provider keeps waiting, and its late answer is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.journeys.conftest import Stack, ended, wait_for
from tests.scripted_provider import MODEL, ScriptedProvider, gives, scripted_provider
from tests.workflows.runtime.harness import published
from workflows.models import ManualMode, Run, StepRun, Task, TaskStatus, Workflow
from workflows.services.manual_mode import BACK, switch_off, switch_on
from workflows.services.runs import start_run
from workflows.services.tasks import decide_task, tasks_for

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

WRITE: dict[str, Any] = {
    "id": "write",
    "kind": "ai.write",
    "with": {"instructions": "Announce it."},
    "helper": {"role": "operator"},
}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def mona(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Mona", legal, Role.MANAGER))


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    return scripted_provider


def workflow_of(legal: Department, sink: Path, **write: Any) -> Workflow:
    """Written by an AI, then sent, which shows."""
    sends = {"id": "send", "kind": "probe.slow", "with": {"file": str(sink)}}
    return published([{**WRITE, **write}, sends], legal, output={"text": "{{ steps.write.text }}"})


def lines(sink: Path) -> list[str]:
    return sink.read_text().splitlines() if sink.exists() else []


def open_tasks() -> int:
    return Task.objects.filter(status=TaskStatus.OPEN).count()


def answer_all(actor: Actor) -> None:
    for task in tasks_for(actor).select_related("run__version", "run__workflow", "department", "step"):
        decide_task(task, actor=actor, decision="answer", values={"text": "By hand."})


def test_twenty_runs_that_wait_for_an_answer_become_tasks_at_once_and_the_late_answers_count_for_nothing(
    workers: Stack, legal: Department, mona: Actor, provider: ScriptedProvider, tmp_path: Path
) -> None:
    sink, ada = tmp_path / "sink", actor_for_user(factories.make_user("Ada", legal, Role.OPERATOR))
    workflow = workflow_of(legal, sink)
    provider.reply = lambda _asked: gives({"text": "Late."}, before_s=25)
    workers.start("worker")
    workers.start("scheduler")
    runs = [start_run(workflow, inputs={}, actor=SYSTEM) for _ in range(20)]
    wait_for(lambda: provider.at_once == 20, 30, "the twentieth question")

    switch_on(legal, reason="It does not answer.", actor=mona)
    wait_for(lambda: open_tasks() == 20, 10, "the twentieth task")
    assert provider.at_once == 20, "the tasks are there while the provider still hangs"
    answer_all(ada)
    for run in runs:
        wait_for(lambda run=run: ended(run), 30, "the end of the run")
    wait_for(lambda: provider.at_once == 0, 40, "the late answers")

    for run in runs:
        run.refresh_from_db()
    assert {(run.status, str(run.output)) for run in runs} == {("succeeded", "{'text': 'By hand.'}")}
    assert (provider.calls, len(lines(sink)), len(set(lines(sink)))) == (20, 20, 20)
    assert set(StepRun.objects.filter(step_id="write").values_list("made_by", flat=True)) == {"Ada"}
    assert all(run.journal.filter(event="step.taken_back").count() == 1 for run in runs)


def test_a_step_that_began_to_hang_unseen_becomes_a_task_when_its_time_is_over(
    workers: Stack, legal: Department, provider: ScriptedProvider, tmp_path: Path
) -> None:
    """As if the step had been claimed at the very moment of the switch: nobody takes it back."""
    patient = {"attempts": 5, "first_delay_s": 3_600, "longest_s": 7_200}
    workflow = workflow_of(legal, tmp_path / "sink", timeout_s=5, retry=patient)
    provider.reply = lambda _asked: gives({"text": "Late."}, before_s=60)
    workers.start("worker")
    workers.start("scheduler")
    run = start_run(workflow, inputs={}, actor=SYSTEM)
    wait_for(lambda: provider.at_once == 1, 30, "the question")

    ManualMode.objects.create(department=legal, reason="It does not answer.", on_by="Mona")

    wait_for(lambda: open_tasks() == 1, 20, "the task")
    assert (Task.objects.get().why or {})["code"] == "manual_mode"
    run.refresh_from_db()
    assert run.status == "waiting"


def test_what_is_handed_back_goes_on_as_if_nothing_had_been_and_is_sent_once(
    workers: Stack, legal: Department, mona: Actor, provider: ScriptedProvider, tmp_path: Path
) -> None:
    sink = tmp_path / "sink"
    workflow = workflow_of(legal, sink)
    provider.script = [gives({"text": "Late."}, before_s=20)] * 3
    workers.start("worker")
    workers.start("scheduler")
    runs = [start_run(workflow, inputs={}, actor=SYSTEM) for _ in range(3)]
    wait_for(lambda: provider.at_once == 3, 30, "the questions")
    mode = switch_on(legal, reason="It does not answer.", actor=mona)
    wait_for(lambda: open_tasks() == 3, 10, "the tasks")
    taken = Task.objects.order_by("pk")[0]
    Task.objects.filter(pk=taken.pk).update(claimed_by=factories.make_user("Ada", legal, Role.OPERATOR))
    provider.reply = lambda _asked: gives({"text": "By the machine."})

    back = switch_off(mode, actor=mona, then=BACK)
    wait_for(lambda: Run.objects.filter(status="succeeded").count() == 2, 30, "the ends of the two others")
    wait_for(lambda: provider.at_once == 0, 40, "the late answers")

    assert (back.done, [task.pk for task, _why in back.refused]) == (2, [taken.pk])
    ends = [(run.status, run.output) for run in Run.objects.exclude(pk=taken.run_id)]
    assert ends == [("succeeded", {"text": "By the machine."})] * 2
    assert Run.objects.get(pk=taken.run_id).status == "waiting"
    assert (len(runs), len(lines(sink)), len(set(lines(sink)))) == (3, 2, 2)
    off, handed = (Entry.objects.get(verb=f"manual_mode.{verb}") for verb in ("off", "handed_back"))
    assert (off.detail["tasks"], off.detail["waiting"]) == ("back", 3)
    assert (handed.detail["tasks"], handed.detail["kept"]) == (2, 1)
