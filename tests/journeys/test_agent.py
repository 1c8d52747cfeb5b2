"""An agent whose worker is killed at every turn: what was done is known and not done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from departments.access import SYSTEM
from tests import factories
from tests.journeys.conftest import Stack, ended, wait_for
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, gives, scripted_provider
from tests.workflows.runtime.harness import published
from workflows.services.runs import start_run

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)


def turn(uses: int) -> Reply:
    """Three uses, then the answer; each is thought about for long enough to be killed in the middle."""
    if uses == 3:
        return gives({"why": "All kept.", "next": {"tool": "finish", "answer": "Kept three."}}, before_s=1.5)
    kept = {"tool": "keep_it", "with": {"what": f"number {uses + 1}"}}
    return gives({"why": "One more.", "next": kept}, before_s=1.5)


def test_a_worker_killed_while_the_ai_thinks_costs_a_turn_and_no_effect(
    workers: Stack, scripted_provider: ScriptedProvider, tmp_path: Path
) -> None:
    legal = factories.make_department("Legal")
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    scripted_provider.reply = lambda asked: turn(str(asked["messages"][-1]["content"]).count("number "))
    sink = tmp_path / "sink"
    keep = {
        "title": "Keep it",
        "tool": {"about": "Keeps it.", "takes": [{"name": "what"}], "gives": "kept"},
        "steps": [{"id": "kept", "kind": "probe.slow", "with": {"file": str(sink)}}],
    }
    agent = {"id": "work", "kind": "ai.agent", "with": {"instructions": "Keep three."}, "arms": [keep]}
    workflow = published([agent], legal, output={"text": "{{ steps.work.text }}"})

    workers.start("scheduler")
    worker = workers.start("worker")
    run = start_run(workflow, inputs={}, actor=SYSTEM)
    for asked in (1, 3):
        wait_for(lambda asked=asked: len(scripted_provider.requests) >= asked, 30, f"question {asked}")
        worker.kill()
        worker = workers.start("worker")
    wait_for(lambda: ended(run), 90, "the end")

    assert run.output == {"text": "Kept three."}
    lines = sink.read_text().splitlines()
    assert (len(lines), len(set(lines))) == (3, 3)
    assert run.steps.filter(step_id="kept", status="succeeded").count() == 3
    assert run.steps.get(path="work").output["ended"] == "finished"
