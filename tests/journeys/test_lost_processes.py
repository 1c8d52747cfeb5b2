"""Pull the plug of a process in the middle: the run ends all the same, and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from departments.access import SYSTEM
from tests.journeys.conftest import Stack, ended, wait_for
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun
from workflows.services.runs import start_run

pytestmark = pytest.mark.django_db(transaction=True)


def chain(sink: Path, *, sleep_s: float = 0.0, length: int = 3) -> list[dict[str, object]]:
    return [
        {"id": f"s{n}", "kind": "probe.slow", "with": {"file": str(sink), "sleep_s": sleep_s}} for n in range(length)
    ]


def lines(sink: Path) -> list[str]:
    return sink.read_text().split("\n")[:-1] if sink.exists() else []


def test_a_worker_killed_in_a_step_costs_its_lease(stack: Stack, tmp_path: Path) -> None:
    sink = tmp_path / "sink"
    run = start_run(published(chain(sink, sleep_s=3)), inputs={}, actor=SYSTEM)
    worker = stack.start("worker")
    wait_for(lambda: len(lines(sink)) == 2, 30, "the second step")

    worker.kill()
    # Not before: what no worker has taken up for two seconds, it would do itself.
    stack.start("scheduler")
    stack.start("worker")
    wait_for(lambda: ended(run), 60, "the end of the run")

    assert run.status == "succeeded"
    assert [line.split()[0] for line in lines(sink)] == ["s0", "s1", "s1", "s2"]
    assert len(set(lines(sink))) == 3, "a repeated step has the key it had before"
    assert run.journal.filter(event="step.lost").count() == 1


def test_a_worker_that_is_killed_four_times_over_still_leaves_a_correct_run(stack: Stack, tmp_path: Path) -> None:
    sink = tmp_path / "sink"
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ inputs.items }}", "concurrency": 5},
        "steps": chain(sink, sleep_s=0.4, length=2),
        "output": "{{ item }}",
    }
    workflow = published([each], inputs={"items": {"type": "list"}}, output={"r": "{{ steps.each.results }}"})
    run = start_run(workflow, inputs={"items": list(range(20))}, actor=SYSTEM)
    stack.start("scheduler")
    worker = stack.start("worker")

    for count in (5, 12, 20, 28):
        wait_for(lambda count=count: len(lines(sink)) >= count, 60, f"{count} effects")
        worker.kill()
        worker = stack.start("worker")
    wait_for(lambda: ended(run), 90, "the end of the run")

    assert (run.status, run.output) == ("succeeded", {"r": list(range(20))})
    assert len(set(lines(sink))) == 40, "every step of every item was done, each with one key"
    assert Run.objects.filter(parent=run).count() == 20
    assert not StepRun.objects.exclude(status="succeeded").exists()


def test_without_a_broker_runs_still_end(stack: Stack, tmp_path: Path) -> None:
    stack.broker_url = "redis://127.0.0.1:1/0"
    sink = tmp_path / "sink"
    run = start_run(published(chain(sink)), inputs={}, actor=SYSTEM)

    stack.start("scheduler")
    wait_for(lambda: ended(run), 60, "the end of the run")

    assert run.status == "succeeded"
    assert len(lines(sink)) == 3
