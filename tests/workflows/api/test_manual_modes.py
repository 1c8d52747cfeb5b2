"""Manual mode by another program: on, seen, and off, with the tasks of people in between."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Role
from tests import factories
from tests.departments.written import told
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import ManualMode, Task, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

WRITE: dict[str, Any] = {"id": "write", "kind": "ai.write", "with": {"instructions": "Announce it."}}


@pytest.fixture
def workflow(program: Program) -> Workflow:
    factories.make_model(name="scripted-1", is_default=True)
    return published([WRITE], program.department, name="Announcement")


def test_a_program_lets_people_do_the_work_of_one_workflow_and_ends_it(workflow: Workflow) -> None:
    builder = Program(workflow.department, Role.BUILDER)
    with silent_broker():
        made = builder.post("manual-modes", {"workflow": workflow.slug, "reason": "It writes nonsense."})
    for _ in range(2):
        carried(run_of(workflow))
    mode, taken = made.json(), Task.objects.order_by("pk")[0]
    Task.objects.filter(pk=taken.pk).update(claimed_by=factories.make_user("Ada", workflow.department))

    assert (made.status_code, mode["workflow"], mode["tasks_waiting"]) == (201, str(workflow.pk), 0)
    assert made["Location"] == f"/api/v1/manual-modes/{mode['id']}"
    assert builder.get(f"manual-modes/{mode['id']}").json()["tasks_waiting"] == 2
    with silent_broker():
        off = builder.post(f"manual-modes/{mode['id']}/off", {"tasks": "back"}).json()

    assert (off["handed_back"], off["kept"], off["tasks_waiting"]) == (1, 1, 1)
    assert off["off_by"] == "Archive"
    assert_problem(builder.post(f"manual-modes/{mode['id']}/off"), 409)
    verbs = told("verb", "actor_label", verb__startswith="manual_mode")
    assert [verb for verb, _by in verbs] == ["manual_mode.on", "manual_mode.off", "manual_mode.handed_back"]


def test_the_list_tells_what_is_on_and_what_is_over(workflow: Workflow, program: Program, stranger: Program) -> None:
    factories.make_provider(name="Far away")
    first = program.post("manual-modes", {"reason": "Down.", "provider": "Far away"}).json()
    program.post(f"manual-modes/{first['id']}/off")
    second = program.post("manual-modes", {"reason": "Down again."}).json()

    def listed(asker: Program, question: str = "") -> list[str]:
        return [each["id"] for each in asker.get(f"manual-modes{question}").json()["results"]]

    assert listed(program) == [second["id"], first["id"]]
    assert (listed(program, "?on=true"), listed(program, "?on=false")) == ([second["id"]], [first["id"]])
    assert listed(stranger) == []


def test_the_same_key_switches_once(workflow: Workflow, program: Program) -> None:
    body = {"reason": "Down."}

    first = program.post("manual-modes", body, idempotency_key="k-1")
    again = program.post("manual-modes", body, idempotency_key="k-1")
    without = program.post("manual-modes", body)

    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    assert_problem(without, 409)
    assert ManualMode.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "Down.", "provider": "Nobody"}, "provider"),
        ({"reason": "Down.", "workflow": "nothing"}, "workflow"),
        ({"reason": "Down.", "workflow": "announcement", "provider": "Far away"}, "provider"),
        ({"reason": "Down.", "all": True}, "all"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(workflow: Workflow, program: Program, body: dict, field: str) -> None:
    factories.make_provider(name="Far away")

    answer = program.post("manual-modes", body)

    assert_problem(answer, 400)
    assert list(answer.json()["errors"]) == [field]
    assert not ManualMode.objects.exists()


def test_a_builder_switches_no_department_and_nobody_a_workflow_of_others(
    workflow: Workflow, program: Program, stranger: Program
) -> None:
    builder = Program(workflow.department, Role.BUILDER)

    assert_problem(builder.post("manual-modes", {"reason": "Down."}), 403)
    assert_problem(stranger.post("manual-modes", {"reason": "Down.", "workflow": str(workflow.pk)}), 400)
    assert not ManualMode.objects.exists()
