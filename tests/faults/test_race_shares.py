"""A department's share of the workers holds, however many of its steps are ready at once (case R15)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection

from tests import factories
from tests.faults.crowd import at_once, begin_and_stop, room_for_all
from tests.faults.test_race_claims import NAP, probe
from tests.steps import probes
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Run, StepRun
from workflows.runtime import limits, worker

__all__ = ["room_for_all"]
pytestmark = pytest.mark.django_db(transaction=True)
STARTS = 80


@pytest.mark.parametrize("first", [[NAP], []], ids=["woken", "begun"])
def test_r15_a_department_never_has_more_steps_under_way_than_its_share(
    first: list[dict[str, Any]], room_for_all: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DEPARTMENT_SHARE", 3)
    department = factories.make_department()
    seen: list[int] = []

    def deed(ctx: Any) -> None:
        seen.append(under_way(department.pk))
        connection.close()
        time.sleep(0.02)

    probes.DEEDS["a"] = probes.DEEDS["b"] = deed
    workflow = published([*first, probe("a"), probe("b")], department)
    runs = [run_of(workflow) for _ in range(STARTS)]
    ready = [("step", begin_and_stop(run).pk) if first else ("run", run.pk) for run in runs]
    with silent_broker():
        at_once(STARTS, lambda number: worker.look(*ready[number]))
    for run in runs:
        carried(run)

    assert max(seen) <= 3
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}


def under_way(department_id: Any) -> int:
    return StepRun.objects.filter(department_id=department_id, status="running").count()
