"""Tasks over the API: read what runs ask, and answer it."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Role
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Run, Task

pytestmark = pytest.mark.django_db(transaction=True)


def asked(program: Program, **params: Any) -> tuple[Run, Task]:
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?", **params}}
    run = carried(run_of(published([step], program.department, output={"by": "{{ steps.ask.by }}"})))
    return run, run.tasks.get()


def test_a_task_is_read_and_decided_and_its_run_goes_on(program: Program) -> None:
    run, task = asked(program)
    open_one = program.get(f"tasks/{task.pk}").json()

    answer = program.post(f"tasks/{task.pk}/decide", {"decision": "approve"})
    carried(run)

    assert open_one == {
        "id": str(task.pk),
        "run": str(run.pk),
        "workflow": str(run.workflow_id),
        "workflow_slug": "probe",
        "step": "ask",
        "kind": "approve",
        "status": "open",
        "question": "May it go out?",
        "draft": "",
        "shown": open_one["shown"],
        "role": "approver",
        "person": None,
        "due_at": None,
        "created_at": open_one["created_at"],
        "answer": None,
        "decided_by": None,
        "decided_at": None,
        "url": open_one["url"],
    }
    assert (answer.status_code, answer.json()["status"], answer.json()["decided_by"]) == (200, "decided", "Archive")
    assert answer.json()["answer"]["decision"] == "approve"
    assert program.get(f"runs/{run.pk}").json()["output"] == {"by": "Archive"}


def test_a_second_decision_hears_who_was_first(program: Program) -> None:
    _run, task = asked(program)
    program.post(f"tasks/{task.pk}/decide", {"decision": "approve"})

    said = assert_problem(program.post(f"tasks/{task.pk}/decide", {"decision": "reject", "reason": "No."}), 409)

    assert said["detail"] == "Archive has approved this already."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decision"),
        ({"decision": "perhaps"}, "decision"),
        ({"decision": "reject"}, "reason"),
        ({"decision": "approve", "text": 7}, "text"),
        ({"decision": "approve", "decided_by": "Ingrid"}, "decided_by"),
    ],
)
def test_a_decision_that_makes_no_sense_is_named(program: Program, body: dict[str, Any], field: str) -> None:
    _run, task = asked(program)

    said = assert_problem(program.post(f"tasks/{task.pk}/decide", body), 400)

    assert list(said["errors"]) == [field]
    assert Task.objects.get().status == "open"


@pytest.mark.parametrize(("role", "status"), [("approver", 200), ("manager", 200), ("builder", 403), ("viewer", 403)])
def test_a_token_decides_what_its_role_is_asked(program: Program, role: Role, status: int) -> None:
    _run, task = asked(program)

    answer = Program(program.department, role).post(f"tasks/{task.pk}/decide", {"decision": "approve"})

    assert answer.status_code == status


def test_a_question_to_one_person_is_not_for_a_program(program: Program) -> None:
    ingrid = factories.make_user("Ingrid", program.department, Role.APPROVER)
    _run, task = asked(program, person=ingrid.email)

    said = assert_problem(program.post(f"tasks/{task.pk}/decide", {"decision": "approve"}), 403)

    assert said["detail"] == "This question is for Ingrid."
    assert program.get(f"tasks/{task.pk}").json()["person"] == "Ingrid"
    assert program.get("tasks", {"mine": "true"}).json()["results"] == []


def test_tasks_are_listed_and_filtered(program: Program, stranger: Program) -> None:
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "?"}}
    workflow = published([step], program.department)
    runs = [carried(run_of(workflow)) for _ in range(2)]
    asked(stranger)
    first, second = (str(run.tasks.get().pk) for run in runs)
    program.post(f"tasks/{first}/decide", {"decision": "approve"})

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in program.get("tasks", query).json()["results"]]

    assert ids() == [second, first]
    assert ids(status="open") == ids(mine="true") == [second]
    assert ids(run=str(runs[0].pk)) == [first]
    assert ids(run="nobody") == []


def test_a_list_takes_a_fixed_number_of_queries(program: Program, django_assert_num_queries: Any) -> None:
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "?"}}
    workflow = published([step], program.department)
    [carried(run_of(workflow)) for _ in range(4)]
    program.get("me")

    with django_assert_num_queries(2):
        assert len(program.get("tasks").json()["results"]) == 4
