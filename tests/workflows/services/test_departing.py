"""A person who leaves takes nothing down."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.models import ApiToken, Department, Role
from departments.tokens import create_token
from tests import factories
from tests.faults.crowd import together
from workflows.models import Assignee, Task, Trigger, Workflow
from workflows.services.departing import held_by, leave_department
from workflows.services.handing_over import claim_task
from workflows.services.refusals import ValidationError
from workflows.services.sharing import may_use, share_with_person
from workflows.services.triggers import Wanted, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def test_what_a_person_held_is_somebody_elses_and_goes_on() -> None:
    legal = factories.make_department("Legal")
    ada, bob, eve = (factories.make_user(name, legal, Role.APPROVER) for name in ("Ada", "Bob", "Eve"))
    manager = factories.make_user("Maren", legal, Role.MANAGER)
    elsewhere = factories.make_workflow(owner=ada)
    version = factories.make_version(factories.make_workflow(legal, owner=ada))
    workflow = version.workflow
    trigger, _ = set_up(workflow, "web.hook", Wanted(), actor=SYSTEM)
    Trigger.objects.filter(pk=trigger.pk).update(owner=ada)
    steps = [factories.make_step(factories.make_run(version), status="waiting") for _ in range(3)]
    both = factories.make_task(steps[0], person=ada)
    Assignee.objects.create(task=both, person=eve)
    taken = claim_task(factories.make_task(steps[1]), actor=actor_for_user(ada))
    own = factories.make_task(steps[2], person=ada, not_the_starter=True)
    own.run.starter_kind, own.run.starter_id = "person", str(bob.pk)
    own.run.save()
    mine, _ = create_token(legal, role=Role.OPERATOR, name="Archive", actor=SYSTEM)
    ApiToken.objects.filter(pk=mine.pk).update(created_by=ada)

    share_with_person(workflow, ada.email, actor=SYSTEM)

    held = held_by(ada, legal)
    kept = leave_department(ada, legal, to=bob, revoke=held.tokens, actor=actor_for_user(manager))

    assert (held.workflows, held.triggers, held.tasks, held.tokens) == (
        [workflow],
        [trigger],
        [both, taken, own],
        [mine],
    )
    assert Workflow.objects.get(pk=workflow.pk).owner == Trigger.objects.get(pk=trigger.pk).owner == bob
    assert Workflow.objects.get(pk=elsewhere.pk).owner == ada
    assert _asked(both) == {bob, eve}
    assert Task.objects.get(pk=taken.pk).claimed_by is None
    assert [task for task, _why in kept] == [own]
    assert not ada.memberships.filter(department=legal).exists()
    assert not may_use(actor_for_user(ada), workflow), "nor by a share of what she could use by her role"
    mine.refresh_from_db()
    assert mine.revoked_at is not None
    said = Entry.objects.get(verb="person.left_department")
    assert (said.detail["to"], said.detail["workflow"], said.detail["tasks_kept"]) == ("Bob", 1, 1)


def test_only_a_manager_lets_somebody_leave_and_only_a_member_takes_over(legal: Department) -> None:
    ada, bob = (factories.make_user(name, legal, Role.BUILDER) for name in ("Ada", "Bob"))
    stranger = factories.make_user("Stranger", factories.make_department())
    manager = actor_for_user(factories.make_user("Maren", legal, Role.MANAGER))

    with pytest.raises(PermissionDenied):
        leave_department(ada, legal, to=bob, actor=actor_for_user(bob))
    for nobody in (ada, stranger):
        with pytest.raises(ValidationError):
            leave_department(ada, legal, to=nobody, actor=manager)

    assert ada.memberships.filter(department=legal).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_leave_at_once_each_to_the_other_one_stays(legal: Department) -> None:
    ada, bob = (factories.make_user(name, legal, Role.BUILDER) for name in ("Ada", "Bob"))
    manager = actor_for_user(factories.make_user("Maren", legal, Role.MANAGER))

    outcomes = together(
        [partial(leave_department, who, legal, to=to, actor=manager) for who, to in ((ada, bob), (bob, ada))]
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["ValidationError", "list"]
    assert legal.memberships.filter(user__in=(ada, bob)).count() == 1


def test_the_page_shows_what_is_held_and_hands_it_over(legal: Department) -> None:
    ada, bob = (factories.make_user(name, legal, Role.BUILDER) for name in ("Ada", "Bob"))
    workflow = factories.make_workflow(legal, name="Nightly digest", owner=ada)
    client = Client()
    client.force_login(factories.make_user("Maren", legal, Role.MANAGER))
    address = reverse("person_leave", args=[legal.slug, ada.pk])

    shown = client.get(address).content.decode()
    refused = client.post(address, {"to": str(ada.pk)})
    done = client.post(address, {"to": str(bob.pk)}, follow=True)

    assert "Nightly digest" in shown
    assert refused.status_code == 422
    assert "Bob has what they held." in done.content.decode()
    assert Workflow.objects.get(pk=workflow.pk).owner == bob
    assert client.get(address).status_code == 404


def _asked(task: Task) -> set[object]:
    return {each.person for each in task.assignees.filter(until=None)}
