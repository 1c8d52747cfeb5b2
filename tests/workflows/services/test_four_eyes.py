"""Nobody decides on their own work, by whatever way they come to it, nor after they may no longer (case Z07)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from departments.access import SYSTEM, actor_for_user
from departments.groups import change_group, make_group
from departments.models import Department, Role, User
from departments.services import add_member, deactivate_user, remove_member
from tests import factories
from tests.workflows.services.test_deciders import task_in
from workflows.models import Task, TaskStatus, Version
from workflows.services.deciders import may_decide, tasks_for
from workflows.services.handing_over import claim_task, delegate_task
from workflows.services.publishing import approve_request, may_approve
from workflows.services.refusals import PermissionDenied, ValidationError
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db

TODAY = date.today()


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal", second_person_publishes=True)


def started_by(task: Task, person: User) -> Task:
    task.run.starter_kind, task.run.starter_id = "person", str(person.pk)
    task.run.save()
    return task


def test_no_role_no_stand_in_and_no_chain_of_delegates_leads_back_to_whose_work_it_is(legal: Department) -> None:
    ada, ben, cem = (factories.make_user(name, legal, Role.APPROVER) for name in ("Ada", "Ben", "Cem"))
    add_member(legal, ada, Role.MANAGER, actor=SYSTEM)
    make_group(legal, "Counsel", members=[ada, ben], roles=["approver"], actor=SYSTEM)
    factories.make_absence(ben, TODAY - timedelta(days=1), TODAY + timedelta(days=1), ada)
    own = actor_for_user(ada)
    whoms = [{"role": "approver"}, {"group": "counsel"}, {"people": [str(ben.pk)]}, {"people": [str(ada.pk)]}]

    for whom in whoms:
        stage = {"people": [], "group": "", "role": "", "needs": 1, **whom}
        asked = {"stages": [stage], "needs": 1, "role": stage["role"], "not_the_starter": True}
        task = started_by(task_in(legal, **asked), ada)
        assert not may_decide(task, own), whom
        assert task not in tasks_for(own), whom
        for deed in (claim_task, lambda task, actor: decide_task(task, actor=actor, decision="approve")):
            with pytest.raises(PermissionDenied, match="You started this run"):
                deed(task, actor=own)
        if whom != whoms[-1]:
            handed = delegate_task(task, to=cem, reason="In court.", actor=actor_for_user(ben))
            with pytest.raises(ValidationError, match="Ada started this run"):
                delegate_task(handed, to=ada, reason="Back.", actor=actor_for_user(cem))

    assert not Task.objects.exclude(status=TaskStatus.OPEN).exists()


def test_whoever_may_no_longer_approve_when_they_press_the_button_does_not(legal: Department) -> None:
    britta = factories.make_user("Britta", legal, Role.BUILDER)
    workflow = factories.make_workflow(legal, owner=britta)
    request = factories.make_publish_request(workflow, person=britta)
    for number, (give, take) in enumerate(_ways(legal)):
        eve = factories.make_user(f"Eve {number}", legal, Role.VIEWER)
        give(eve)
        task = task_in(legal)
        client, stale = Client(), actor_for_user(eve)
        client.force_login(eve)
        page = reverse("task", args=[task.pk])
        assert (may_decide(task, stale), may_approve(request, stale)) == (True, True)
        assert client.get(page).status_code == 200

        take(eve)

        client.post(reverse("decide", args=[task.pk]), {"decision": "approve"})
        task.refresh_from_db()
        assert task.status == TaskStatus.OPEN
        eve.refresh_from_db()
        with pytest.raises(PermissionDenied):
            approve_request(request, actor=actor_for_user(eve))
        with pytest.raises(PermissionDenied):
            decide_task(task, actor=actor_for_user(eve), decision="approve")

    with pytest.raises(PermissionDenied):
        approve_request(request, actor=actor_for_user(britta))
    assert not Version.every.filter(workflow=workflow).exists()


def _ways(legal: Department) -> list[tuple[Callable[[User], object], Callable[[User], object]]]:
    """How somebody becomes an approver, and is one no longer."""
    group = make_group(legal, "Approvers", roles=["approver"], actor=SYSTEM)

    def add(person: User) -> None:
        add_member(legal, person, Role.APPROVER, actor=SYSTEM)

    def remove(person: User) -> None:
        remove_member(person.memberships.get(role=Role.APPROVER), actor=SYSTEM)

    return [
        (add, remove),
        (add, lambda person: deactivate_user(person, actor=SYSTEM)),
        (
            lambda person: change_group(group, members=[person], actor=SYSTEM),
            lambda person: change_group(group, members=[], actor=SYSTEM),
        ),
    ]
