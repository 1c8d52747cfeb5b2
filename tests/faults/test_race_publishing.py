"""Publishing while runs are under way: each run keeps the version that it began with (case R10)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from departments.access import SYSTEM
from tests.faults.crowd import errors, scaled, together
from tests.steps import probes
from tests.workflows.runtime.harness import HERE, published, run_of, silent_broker
from workflows.models import Run, StepRun, Workflow
from workflows.runtime import limits, sweeping
from workflows.services.workflows import publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)
RUNS = scaled(40)


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def edition(number: int) -> dict[str, Any]:
    """Every step of an edition carries its number, and so do those of its items."""

    def step(id: str) -> dict[str, Any]:
        return {"id": f"{id}_{number}", "kind": "probe.keyed", "with": {"value": number}}

    each = {
        "id": f"each_{number}",
        "kind": "flow.for_each",
        "with": {"items": [1, 2], "concurrency": 1},
        "steps": [step("item")],
    }
    nap = {"id": f"nap_{number}", "kind": "flow.wait", "with": {"for_s": 0}}
    last = step("last")
    output = {"edition": f"{{{{ steps.last_{number}.value }}}}"}
    return {"format": 1, "name": "Bulletin", "steps": [step("first"), nap, each, last], "output": output}


def test_r10_a_run_keeps_its_version_however_often_a_newer_one_is_published() -> None:
    workflow = published(edition(1)["steps"], name="Bulletin", output=edition(1)["output"])
    all_started = threading.Event()

    def publish() -> int:
        number = 1
        while not all_started.is_set():
            number += 1
            save_draft(workflow, edition(number), actor=SYSTEM)
            publish_workflow(Workflow.objects.get(pk=workflow.pk), note="", actor=SYSTEM)
        return number

    def start() -> None:
        for _ in range(RUNS):
            run_of(Workflow.objects.get(pk=workflow.pk))
        all_started.set()

    def carry() -> None:
        while not all_started.is_set() or sweep():
            sweep()

    with silent_broker(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FORGOTTEN", timedelta(0))
        results = together([publish, start, carry, carry])
        while sweep():
            pass

    assert errors(results) == []
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert mixed() == []
    versions = Run.objects.filter(parent=None).values_list("version", flat=True)
    assert (len(versions), len(set(versions)) > 1) == (RUNS, True), "else nothing was shown"


def sweep() -> int:
    return sweeping.sweep(HERE)


def mixed() -> list[str]:
    """Steps and outputs that are not of the version their run names."""
    steps = [
        f"{step.path} in a run of edition {step.run.version.number}"
        for step in StepRun.objects.select_related("run__version")
        if not step.step_id.endswith(f"_{step.run.version.number}")
    ]
    outputs = [
        f"{run.output} from edition {run.version.number}"
        for run in Run.objects.filter(parent=None).select_related("version")
        if run.output != {"edition": run.version.number}
    ]
    children = [
        f"{child} is of another version than the run around it"
        for child in Run.objects.exclude(parent=None).select_related("parent")
        if child.version_id != child.parent.version_id
    ]
    return [*steps, *outputs, *children]
