"""What a run asks of the database: tests must not make live runs dearer."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from departments.access import SYSTEM
from tests.steps import probes
from tests.workflows.runtime.harness import published, silent_broker
from workflows.models import RunMode
from workflows.runtime import worker
from workflows.services.runs import accept_run

pytestmark = pytest.mark.django_db(transaction=True)

LOCAL = [{"id": f"s{number}", "kind": "text.compose", "with": {"text": "x"}} for number in range(10)]
LIVE_LOCAL, LIVE_EFFECTS = 4, 19
"""Statements of one run, BEGIN and COMMIT among them."""
EFFECTS = [{"id": f"s{number}", "kind": "probe.keyed", "with": {"value": number}} for number in range(3)]


def statements(steps: list[dict[str, Any]], mode: str) -> list[str]:
    """Those of one run from its start to its end, after another one has warmed everything up."""
    workflow = published(steps)
    probes.reset()
    found: list[str] = []
    for _ in range(2):
        with silent_broker(), CaptureQueriesContext(connection) as caught:
            accepted = accept_run(workflow, inputs={}, actor=SYSTEM, mode=mode)
            for step in [step for step in accepted.steps.values() if step.status == "ready"]:
                worker.look("step", step.id)
        found = [query["sql"] for query in caught.captured_queries]
    return found


def test_a_live_run_of_local_steps_looks_at_no_sample() -> None:
    asked = statements(LOCAL, RunMode.LIVE)

    assert len(asked) == LIVE_LOCAL
    assert not any("workflows_sample" in sql for sql in asked)


def test_a_live_run_of_three_effects_looks_at_no_sample() -> None:
    asked = statements(EFFECTS, RunMode.LIVE)

    assert len(asked) == LIVE_EFFECTS
    assert not any("workflows_sample" in sql for sql in asked)


def test_a_test_run_keeps_its_samples_in_one_statement_more_for_each_settlement() -> None:
    local, effects = (statements(steps, RunMode.TEST) for steps in (LOCAL, EFFECTS))

    assert len(local) == LIVE_LOCAL + 1
    assert sum("INSERT INTO workflows_sample" in sql for sql in effects) == len(EFFECTS)
