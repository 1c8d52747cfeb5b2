"""After a restore, what may have been done already waits for a person, in items of a list too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from departments.access import actor_for_user
from departments.models import Role
from tests.factories import make_user
from tests.steps import probes
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Run, StepRun, Task
from workflows.runtime import restored
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)


def flow(*kinds: str) -> list[dict[str, Any]]:
    return [{"id": kind, "kind": f"probe.{kind}", "with": {"value": 1}} for kind in kinds]


@pytest.fixture(autouse=True)
def restored_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    probes.reset()
    moment = timezone.now()
    monkeypatch.setattr(restored, "restored_at", lambda: moment)


def of_before(*steps: dict[str, Any]) -> Run:
    run = run_of(published(list(steps)))
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(hours=1))
    return carried(run)


@pytest.mark.parametrize(("kind", "sent"), [("unsafe", 0), ("keyed", 1), ("pure", 1)])
def test_an_older_run_does_not_do_once_more_what_may_happen_once(kind: str, sent: int) -> None:
    of_before(*flow(kind))

    assert len(probes.SENT) == sent


@pytest.mark.parametrize(("kind", "sent"), [("unsafe", 0), ("keyed", 0), ("pure", 3)])
def test_an_item_that_is_begun_anew_asks_a_person_first(kind: str, sent: int) -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2, 3]}, "steps": flow(kind)}

    of_before(each)

    assert len(probes.SENT) == sent
    assert Task.objects.filter(kind="resolve").count() == (0 if sent else 3)


def test_on_a_persons_word_it_is_done_and_the_run_goes_on() -> None:
    run = of_before(*flow("unsafe"))
    mona = actor_for_user(make_user("Mona", run.department, Role.MANAGER))

    with silent_broker():
        decide_task(Task.objects.get(), actor=mona, decision="again")

    assert carried(run).status == "succeeded"
    assert len(probes.SENT) == 1


def test_a_younger_run_is_as_ever() -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1]}, "steps": flow("unsafe")}

    assert carried(run_of(published([each]))).status == "succeeded"
    assert len(probes.SENT) == 1
    assert not StepRun.objects.filter(status="parked").exists()
