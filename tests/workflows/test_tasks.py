"""Deciding what a run asks: once, by whom it was asked of, and the run goes on."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Run, Task, Workflow
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run, start_run
from workflows.services.tasks import decide_task, tasks_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def department() -> Department:
    return factories.make_department("Legal")


def member(department: Department, role: Role, name: str = "") -> User:
    return factories.make_user(name or role.label, department, role)


def asked(department: Department, kind: str = "people.approve", **params: Any) -> tuple[Run, Task]:
    draft = {"draft": "Dear all"} if kind == "people.review" else {}
    step = {"id": "ask", "kind": kind, "with": {"question": "May it go out?", **draft, **params}}
    after = {"id": "after", "kind": "text.compose", "with": {"text": "{{ steps.ask.by }}"}}
    workflow = published(
        [step, after], department, output={"ask": "{{ steps.ask }}", "after": "{{ steps.after.text }}"}
    )
    run = carried(run_of(workflow))
    return run, run.tasks.get()


def decide(task: Task, actor: Actor, decision: str = "approve", **rest: str) -> None:
    with silent_broker():
        decide_task(task, actor=actor, decision=decision, **rest)


def test_an_approval_lets_the_run_go_on_and_names_who_gave_it(department: Department) -> None:
    run, task = asked(department)
    assert (run.status, task.status) == ("waiting", "open")

    decide(task, actor_for_user(member(department, Role.APPROVER, "Ingrid")))
    carried(run)

    assert (run.status, run.output["after"]) == ("succeeded", "Ingrid")
    assert run.output["ask"] == {"decision": "approved", "reason": "", "by": "Ingrid"}
    entry = Entry.objects.shown().get(verb="task.decided")
    assert (entry.actor_label, entry.department, entry.run_id) == ("Ingrid", "legal", run.pk)


def test_a_rejection_needs_a_reason_and_fails_the_run_with_it(department: Department) -> None:
    run, task = asked(department)
    approver = actor_for_user(member(department, Role.APPROVER, "Ingrid"))

    with pytest.raises(ValidationError):
        decide(task, approver, "reject")
    decide(task, approver, "reject", reason="The date is wrong.")
    carried(run)

    assert run.status == "failed"
    assert run.error["message"] == "Ingrid rejected “May it go out?”: The date is wrong."


def test_a_review_gives_the_persons_text_and_keeps_the_draft(department: Department) -> None:
    run, task = asked(department, "people.review")

    decide(task, actor_for_user(member(department, Role.APPROVER, "Ingrid")), text="Dear colleagues")
    carried(run)

    assert run.output["ask"] == {"text": "Dear colleagues", "draft": "Dear all", "edited": True, "by": "Ingrid"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUILDER])
def test_who_was_not_asked_may_not_decide(department: Department, role: Role) -> None:
    _, task = asked(department)

    with pytest.raises(PermissionDenied, match="This question is for"):
        decide(task, actor_for_user(member(department, role)))


def test_who_started_the_run_may_not_decide_where_the_step_says_so(department: Department) -> None:
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "?", "not_the_starter": True}}
    starter, other = member(department, Role.MANAGER, "Starter"), member(department, Role.MANAGER, "Other")
    with silent_broker():
        run = start_run(published([step], department), inputs={}, actor=actor_for_user(starter))
    task = carried(run).tasks.get()

    with pytest.raises(PermissionDenied, match="You started this run"):
        decide(task, actor_for_user(starter))
    assert list(tasks_for(actor_for_user(starter))) == []
    assert list(tasks_for(actor_for_user(other))) == [task]


def test_a_question_to_one_person_is_only_theirs(department: Department) -> None:
    ingrid, other = member(department, Role.VIEWER, "Ingrid"), member(department, Role.APPROVER, "Other")
    _, task = asked(department, person=ingrid.email)

    assert list(tasks_for(actor_for_user(ingrid))) == [task]
    assert list(tasks_for(actor_for_user(other))) == []


def test_a_person_of_another_department_cannot_be_asked(department: Department) -> None:
    stranger = member(factories.make_department(), Role.MANAGER, "Stranger")

    step = {"id": "ask", "kind": "people.approve", "with": {"question": "?", "person": "{{ inputs.who }}"}}
    workflow = published([step], department, inputs={"who": {"type": "text"}})
    run = carried(run_of(workflow, who=stranger.email))

    assert (run.status, run.error["code"]) == ("failed", "bad_params")


def test_a_second_decision_hears_who_was_first(department: Department) -> None:
    _, task = asked(department)
    decide(task, actor_for_user(member(department, Role.APPROVER, "Ingrid")))

    with pytest.raises(Conflict, match="Ingrid has approved this already"):
        decide(task, SYSTEM, "reject", reason="late")


def test_a_cancelled_run_leaves_nothing_to_decide(department: Department) -> None:
    run, task = asked(department)
    cancel_run(run, actor=SYSTEM)

    with pytest.raises(Conflict, match="was ended before"):
        decide(task, SYSTEM)


def test_of_two_decisions_at_the_same_instant_one_stands(department: Department) -> None:
    for _ in range(10):
        run, task = asked(department)
        outcomes: list[str] = []
        start = threading.Barrier(2)

        def attempt(
            decision: str, task: Task = task, start: threading.Barrier = start, outcomes: list[str] = outcomes
        ) -> None:
            start.wait()
            try:
                decide_task(Task.objects.get(pk=task.pk), actor=SYSTEM, decision=decision, reason="because")
                outcomes.append(decision)
            except Conflict:
                outcomes.append("conflict")
            finally:
                connection.close()

        with silent_broker():
            pair = [threading.Thread(target=attempt, args=(decision,)) for decision in ("approve", "reject")]
            [thread.start() for thread in pair]
            [thread.join() for thread in pair]

        assert len(outcomes) == 2
        assert outcomes.count("conflict") == 1
        assert Entry.objects.shown().filter(run_id=run.pk, verb="task.decided").count() == 1
        Workflow.objects.filter(pk=run.workflow_id).update(name=str(run.pk), slug=str(run.pk))
