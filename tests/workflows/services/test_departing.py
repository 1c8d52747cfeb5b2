"""A person who leaves takes nothing down."""

from __future__ import annotations

from functools import partial
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.models import ApiToken, Department, Role, User
from departments.tokens import create_token
from tests import factories
from tests.faults.crowd import together
from workflows.models import Assignee, Task, Trigger, Workflow
from workflows.services.deactivating import deactivate_and_hand_over
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
    said = Entry.objects.shown().get(verb="person.left_department")
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


def test_whoever_is_deactivated_takes_nothing_down_in_any_department(legal: Department) -> None:
    press, empty = factories.make_department("Press"), factories.make_department("Empty")
    ada, bob = (factories.make_user(name, legal, Role.APPROVER) for name in ("Ada", "Bob"))
    maren = factories.make_user("Maren", press, Role.MANAGER)
    for department in (press, empty):
        factories.make_member(ada, department, Role.BUILDER)
    owned = [factories.make_workflow(each, owner=ada) for each in (legal, press, empty)]
    task = factories.make_task(
        factories.make_step(factories.make_run(factories.make_version(owned[0])), status="waiting"), person=ada
    )
    lent = factories.make_version(factories.make_workflow()).workflow
    share = share_with_person(lent, ada.email, actor=SYSTEM)
    robin = factories.make_user("Robin", is_superuser=True)

    with pytest.raises(PermissionDenied):
        deactivate_and_hand_over(ada, to=bob, actor=actor_for_user(maren))
    for nobody in (ada, factories.make_user(is_active=False)):
        with pytest.raises(ValidationError):
            deactivate_and_hand_over(ada, to=nobody, actor=actor_for_user(robin))
    with pytest.raises(ValidationError, match="last administrator"):
        deactivate_and_hand_over(robin, to=bob, actor=actor_for_user(robin))
    outcomes = deactivate_and_hand_over(ada, to=bob, actor=actor_for_user(robin))

    ada.refresh_from_db()
    assert not ada.is_active
    assert [(each.department, each.to) for each in outcomes] == [(empty, None), (legal, bob), (press, maren)]
    assert [Workflow.objects.get(pk=each.pk).owner for each in owned] == [bob, maren, ada]
    assert list(ada.memberships.values_list("department", flat=True)) == [empty.pk], "nobody there could take it"
    assert (_asked(task), type(share).objects.count()) == ({bob}, 0)
    assert Entry.objects.filter(verb="person.left_department", actor_id=str(robin.pk)).count() == 2
    assert Entry.objects.filter(verb="person.deactivated").count() == 1


def test_an_administrator_hands_over_in_the_admin_and_by_a_command(legal: Department) -> None:
    ada, bob, eve = (factories.make_user(name, legal, Role.BUILDER) for name in ("Ada", "Bob", "Eve"))
    workflow = factories.make_workflow(legal, owner=ada)
    desk, address, out = Client(), reverse("admin:departments_user_changelist"), StringIO()
    desk.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))
    chosen = {"action": "hand_over", "_selected_action": [str(ada.pk)]}

    asked = desk.post(address, chosen).content.decode()
    wrong = desk.post(address, {**chosen, "to": str(ada.pk)}).content.decode()
    done = desk.post(address, {**chosen, "to": str(bob.pk)}, follow=True).content.decode()
    call_command("deactivate_person", bob.email.upper(), "--to", eve.email, stdout=out)
    with pytest.raises(CommandError, match="Nobody with the address"):
        call_command("deactivate_person", bob.email, "--to", eve.email)

    assert ("Ada (" in asked, "Select a valid choice" in wrong) == (True, True)
    assert "Legal: Bob has what they held." in done
    assert out.getvalue() == "Bob is deactivated.\nLegal: Eve has what they held.\n"
    assert Workflow.objects.get(pk=workflow.pk).owner == eve
    assert list(User.objects.filter(is_active=False)) == [ada, bob]


def _asked(task: Task) -> set[object]:
    return {each.person for each in task.assignees.filter(until=None)}
