"""Publishing with a second person: asked, approved, refused, withdrawn, overtaken; never by the one who asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from audit.models import Entry
from departments.access import Actor, actor_for_token, actor_for_user
from departments.models import Department, Role, User
from departments.tokens import create_token
from tests import factories
from workflows.models import PublishRequest, RequestStatus, Version, Workflow
from workflows.services.publishing import (
    approve_request,
    ask_to_publish,
    latest_request,
    may_approve,
    publish_or_ask,
    refuse_request,
    requests_for,
    withdraw_request,
)
from workflows.services.refusals import Conflict
from workflows.services.workflows import publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class Desk:
    department: Department
    workflow: Workflow
    people: dict[str, User]

    def actor(self, name: str) -> Actor:
        return actor_for_user(self.people[name])


@pytest.fixture
def desk() -> Desk:
    legal = factories.make_department("Legal", second_person_publishes=True)
    roles = {"Britta": Role.BUILDER, "Bo": Role.BUILDER, "Astrid": Role.APPROVER, "Mara": Role.MANAGER}
    roles |= {"Olga": Role.OPERATOR, "Viggo": Role.VIEWER}
    people = {name: factories.make_user(name, legal, role) for name, role in roles.items()}
    people["Sam"] = factories.make_user("Sam", factories.make_department("Marketing"), Role.MANAGER)
    return Desk(legal, factories.make_workflow(legal, name="NDA triage"), people)


def asked(desk: Desk, by: str = "Britta") -> PublishRequest:
    return ask_to_publish(desk.workflow, note="Clause 4 is new", actor=desk.actor(by))


def verbs() -> list[str]:
    return list(Entry.objects.shown().order_by("pk").values_list("verb", flat=True))


def change_the_draft(desk: Desk) -> None:
    changed = {**desk.workflow.draft, "name": desk.workflow.name, "description": "Other"}
    save_draft(Workflow.objects.get(pk=desk.workflow.pk), changed, actor=desk.actor("Bo"))


def test_without_the_option_publishing_needs_nobody_else(desk: Desk) -> None:
    Department.objects.update(second_person_publishes=False)
    desk.workflow.refresh_from_db()

    made = publish_or_ask(desk.workflow, note="First", actor=desk.actor("Britta"))

    assert isinstance(made, Version)
    assert not PublishRequest.objects.exists()


def test_with_it_nobody_publishes_alone(desk: Desk) -> None:
    with pytest.raises(PermissionDenied, match="a second person must approve"):
        publish_workflow(desk.workflow, note="", actor=desk.actor("Mara"))

    assert not Version.objects.exists()


def test_an_approved_request_is_a_version_of_the_one_who_asked(desk: Desk) -> None:
    version = approve_request(asked(desk), actor=desk.actor("Astrid"))

    desk.workflow.refresh_from_db()
    request = latest_request(desk.workflow)
    assert desk.workflow.live == version
    assert (version.published_by, version.note) == ("Britta", "Clause 4 is new")
    assert (request.status, request.decided_by, request.version) == (RequestStatus.APPROVED, "Astrid", version)
    assert verbs() == ["workflow.publishing_asked", "workflow.published"]
    entry = Entry.objects.shown().get(verb="workflow.published")
    assert (entry.actor_label, entry.detail["asked_by"]) == ("Astrid", "Britta")


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("Britta", False),
        ("Bo", True),
        ("Astrid", True),
        ("Mara", True),
        ("Olga", False),
        ("Viggo", False),
        ("Sam", False),
    ],
)
def test_who_may_approve_what_britta_asks(desk: Desk, name: str, may: bool) -> None:
    request = asked(desk)

    actor = desk.actor(name)
    assert may_approve(request, actor) is may
    assert list(requests_for(actor)) == ([request] if may else [])
    if not may:
        with pytest.raises(PermissionDenied):
            approve_request(request, actor=actor)
        with pytest.raises(PermissionDenied):
            refuse_request(request, reason="No", actor=actor)
        assert not Version.objects.exists()


def test_a_manager_does_not_approve_what_she_asked_herself(desk: Desk) -> None:
    request = asked(desk, "Mara")

    with pytest.raises(PermissionDenied, match="You asked for this yourself"):
        approve_request(request, actor=desk.actor("Mara"))


def test_nobody_approves_what_their_own_program_asked_nor_lets_it_approve(desk: Desk) -> None:
    token, _secret = create_token(desk.department, role=Role.BUILDER, name="Robot", actor=desk.actor("Mara"))
    program = actor_for_token(token)

    by_program = ask_to_publish(desk.workflow, note="", actor=program)

    assert not may_approve(by_program, desk.actor("Mara"))
    assert may_approve(by_program, desk.actor("Britta"))
    with pytest.raises(PermissionDenied, match="A person has to decide this"):
        approve_request(by_program, actor=program)


def test_only_who_publishes_may_ask(desk: Desk) -> None:
    with pytest.raises(PermissionDenied):
        asked(desk, "Astrid")


def test_a_draft_with_problems_is_not_even_asked_about(desk: Desk) -> None:
    broken = factories.make_workflow(desk.department, {**factories.DEFINITION, "steps": []})

    with pytest.raises(ValidationError, match="no step yet"):
        ask_to_publish(broken, note="", actor=desk.actor("Britta"))

    assert not PublishRequest.objects.exists()


def test_a_refusal_needs_its_reason_and_leaves_everything_as_it_was(desk: Desk) -> None:
    request = asked(desk)
    with pytest.raises(ValidationError, match="Say why"):
        refuse_request(request, reason=" ", actor=desk.actor("Astrid"))

    refuse_request(request, reason="Clause 4 is wrong", actor=desk.actor("Astrid"))

    request.refresh_from_db()
    assert (request.status, request.reason) == (RequestStatus.REFUSED, "Clause 4 is wrong")
    assert not Version.objects.exists()
    assert verbs()[-1] == "workflow.publishing_refused"


def test_a_later_edit_takes_the_question_back(desk: Desk) -> None:
    request = asked(desk)
    change_the_draft(desk)
    stale = PublishRequest.objects.get(pk=request.pk)

    with pytest.raises(Conflict, match="has been changed since it was asked about"):
        approve_request(stale, actor=desk.actor("Astrid"))

    assert list(requests_for(desk.actor("Astrid"))) == []
    desk.workflow.refresh_from_db()
    assert latest_request(desk.workflow).is_overtaken
    assert not Version.objects.exists()


def test_after_an_edit_it_can_be_asked_again(desk: Desk) -> None:
    first = asked(desk)
    change_the_draft(desk)
    desk.workflow.refresh_from_db()

    second = asked(desk, "Bo")

    first.refresh_from_db()
    assert (first.status, second.status) == (RequestStatus.WITHDRAWN, RequestStatus.OPEN)
    assert list(requests_for(desk.actor("Britta"))) == [second]


def test_the_same_draft_is_asked_about_once(desk: Desk) -> None:
    asked(desk)

    with pytest.raises(Conflict, match="asked already"):
        asked(desk, "Bo")


def test_what_was_withdrawn_can_no_longer_be_approved(desk: Desk) -> None:
    request = asked(desk)
    withdraw_request(request, actor=desk.actor("Britta"))

    with pytest.raises(Conflict, match="Britta has withdrawn this already"):
        approve_request(PublishRequest.objects.get(pk=request.pk), actor=desk.actor("Astrid"))

    assert not Version.objects.exists()


def test_the_draft_that_was_looked_at_is_the_one_that_is_published(desk: Desk) -> None:
    looked_at = desk.workflow.draft_revision
    change_the_draft(desk)
    desk.workflow.refresh_from_db()

    with pytest.raises(Conflict, match="since you opened it"):
        ask_to_publish(desk.workflow, note="", actor=desk.actor("Britta"), revision=looked_at)

    Department.objects.update(second_person_publishes=False)
    desk.workflow.department.refresh_from_db()
    with pytest.raises(Conflict, match="since you opened it"):
        publish_workflow(desk.workflow, note="", actor=desk.actor("Britta"), revision=looked_at)


def test_of_two_who_decide_at_once_one_is_told_that_the_other_was_faster(desk: Desk) -> None:
    request = asked(desk)
    answers: list[Any] = []

    def decide(name: str) -> None:
        try:
            answers.append(approve_request(PublishRequest.objects.get(pk=request.pk), actor=desk.actor(name)))
        except Conflict as late:
            answers.append(late)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(name,)) for name in ("Astrid", "Mara")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(type(each).__name__ for each in answers) == ["Conflict", "Version"]
    assert Version.objects.count() == 1
