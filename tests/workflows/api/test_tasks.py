"""Tasks over the API: read what runs ask, and answer it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

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
        "text": "",
        "shown": open_one["shown"],
        "options": [],
        "form": None,
        "known": {},
        "why": None,
        "decisions_possible": ["approve", "reject"],
        "role": "approver",
        "person": None,
        "stage": 1,
        "needs": 1,
        "claimed_by": None,
        "claimed_at": None,
        "due_at": None,
        "created_at": open_one["created_at"],
        "answer": None,
        "decided_by": None,
        "decided_at": None,
        "url": open_one["url"],
        "stages": [{"asked": ["the role Approver"], "needs": 1, "answered": 0, "state": "now"}],
        "decisions": [],
        "leaving": None,
        "leaving_problem": None,
        "shown_sha256": open_one["shown_sha256"],
    }
    assert (answer.status_code, answer.json()["status"], answer.json()["decided_by"]) == (200, "decided", "Archive")
    assert answer.json()["answer"]["decision"] == "approve"
    assert [(said["decision"], said["by"], said["via"]) for said in answer.json()["decisions"]] == [
        ("approve", "Archive", "api")
    ]
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


SEND = {
    "id": "send",
    "kind": "connector.planned",
    "with": {"system": "Newsletter", "does": "send it", "to": "all@example.org", "message": "By {{ steps.ask.by }}."},
}


def test_what_will_leave_is_read_with_its_digest_and_another_digest_is_refused(program: Program) -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?", "sends": "send"}}
    run = carried(run_of(published([ask, SEND], program.department)))
    task = run.tasks.get()

    shown = program.get(f"tasks/{task.pk}").json()
    path = f"tasks/{task.pk}/decide"
    refused = assert_problem(program.post(path, {"decision": "approve", "seen_sha256": "0" * 64}), 409)
    approved = program.post(path, {"decision": "approve", "seen_sha256": shown["shown_sha256"]})

    assert shown["leaving"]["to"] == ["all@example.org"]
    assert "has changed since you looked at it" in refused["detail"]
    assert (approved.status_code, approved.json()["decisions"][0]["seen_sha256"]) == (200, shown["shown_sha256"])


def test_a_form_is_read_with_its_schema_and_answered_with_values(program: Program) -> None:
    field = {"name": "budget", "type": "number", "title": "Budget"}
    ask = {
        "id": "ask",
        "kind": "people.form",
        "with": {"question": "How much?", "fields": [field], "known": {"budget": 5}},
    }
    task = carried(run_of(published([ask], program.department))).tasks.get()

    shown = program.get(f"tasks/{task.pk}").json()
    refused = assert_problem(program.post(f"tasks/{task.pk}/decide", {"decision": "answer", "values": {}}), 400)
    answered = program.post(f"tasks/{task.pk}/decide", {"decision": "answer", "values": {"budget": 7}})

    assert (shown["decisions_possible"], shown["known"]) == (["answer", "reject"], {"budget": 5})
    assert shown["form"]["properties"]["budget"]["title"] == "Budget"
    assert refused["errors"] == {"budget": "This has to be filled in."}
    assert answered.json()["answer"]["values"] == {"budget": 7}


def test_a_task_is_handed_over_and_a_taken_one_given_back(program: Program) -> None:
    ingrid = factories.make_user("Ingrid", program.department, Role.VIEWER)
    _run, task = asked(program)
    path = f"tasks/{task.pk}/delegate"

    nobody = assert_problem(program.post(path, {"to": "nobody@example.org", "reason": "Yours."}), 400)
    handed = program.post(path, {"to": ingrid.email, "reason": "You know it."}).json()
    freed = program.post(f"tasks/{task.pk}/release", {}).json()

    assert list(nobody["errors"]) == ["to"]
    assert (handed["claimed_by"], handed["stages"][0]["asked"]) == ("Ingrid", ["the role Approver", "Ingrid"])
    assert freed["claimed_by"] is None


def test_tasks_are_filtered_by_kind_workflow_and_deadline(program: Program) -> None:
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "?", "due_hours": 1}}
    workflow = published([step], program.department)
    soon, late = (carried(run_of(workflow)).tasks.get() for _ in range(2))
    Task.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(hours=1))

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in program.get("tasks", query).json()["results"]]

    assert ids(overdue="true") == [str(late.pk)]
    assert ids(kind="approve") == [str(late.pk), str(soon.pk)]
    assert ids(kind="review") == ids(workflow="nothing-like-it") == []
    assert ids(workflow=str(workflow.pk)) == ids(workflow="probe") == [str(late.pk), str(soon.pk)]
