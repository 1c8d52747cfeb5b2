"""Who may answer a task, and who must not (case Z07)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from departments.absences import plan_absence
from departments.access import SYSTEM, Actor, actor_for_token, actor_for_user
from departments.groups import make_group
from departments.models import Department, Membership, Role, User
from departments.tokens import create_token
from tests import factories
from workflows.models import Task
from workflows.services import handing_over
from workflows.services.deciders import may_decide, seat_of, tasks_by_name, tasks_by_role, tasks_for, whom
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def person(name: str, department: Department, role: Role = Role.APPROVER) -> User:
    return factories.make_user(name, department, role)


def task_in(department: Department, **fields: object) -> Task:
    run = factories.make_run(factories.make_version(factories.make_workflow(department)))
    return factories.make_task(factories.make_step(run, kind="people.approve", status="waiting"), **fields)


def asked_of(people: list[User], needs: int = 1, group: str = "", role: str = "") -> dict[str, object]:
    ids = [str(each.pk) for each in people]
    return {"stages": [{"people": ids, "group": group, "role": role, "needs": needs}], "needs": needs, "role": role}


def actor(user: User) -> Actor:
    return actor_for_user(user)


def test_a_role_is_asked_with_the_managers_above_it(legal: Department) -> None:
    task = task_in(legal)
    ada, mona, olga = person("Ada", legal), person("Mona", legal, Role.MANAGER), person("Olga", legal, Role.OPERATOR)
    stranger = person("Sam", factories.make_department("Marketing"))

    assert [may_decide(task, actor(each)) for each in (ada, mona, olga, stranger)] == [True, True, False, False]
    assert [list(tasks_for(actor(each))) for each in (ada, mona, olga, stranger)] == [[task], [task], [], []]
    assert (list(tasks_by_role(actor(ada))), list(tasks_by_name(actor(ada)))) == ([task], [])


def test_a_group_is_its_members_and_no_manager(legal: Department) -> None:
    ada, mona = person("Ada", legal), person("Mona", legal, Role.MANAGER)
    group = make_group(legal, "Counsel", members=[ada], actor=SYSTEM)
    task = task_in(legal, **asked_of([], group=group.slug))

    assert (may_decide(task, actor(ada)), may_decide(task, actor(mona))) == (True, False)
    assert (list(tasks_by_name(actor(ada))), list(tasks_for(actor(mona)))) == ([task], [])
    assert whom(task) == group.slug


def test_who_stands_in_answers_in_the_place_of_who_is_away(legal: Department) -> None:
    ada, ben, cleo = (person(name, legal, Role.VIEWER) for name in ("Ada", "Ben", "Cleo"))
    task, today = task_in(legal, **asked_of([ada])), timezone.now().date()
    assert seat_of(task, actor(ben)) is None

    plan_absence(ada, today, today + timedelta(days=1), stand_in=ben, actor=SYSTEM)
    plan_absence(ben, today, today + timedelta(days=1), stand_in=cleo, actor=SYSTEM)

    assert seat_of(task, actor(ben)) is None, "Ben is away himself"
    seat = seat_of(task, actor(cleo))
    assert seat is not None
    assert seat.in_place_of == "Ada"
    assert list(tasks_by_name(actor(cleo))) == [task]
    assert may_decide(task, actor(ada)), "who is away may still answer"


def test_somebody_who_has_left_the_department_is_not_asked_any_more(legal: Department) -> None:
    ada = person("Ada", legal)
    task = task_in(legal, **asked_of([ada]))
    assert list(tasks_for(actor(ada))) == [task]

    Membership.objects.filter(user=ada).delete()

    assert list(tasks_for(actor(ada))) == []


@pytest.mark.parametrize("by", ["person", "token"])
def test_who_started_the_run_does_not_decide_where_the_step_says_so(legal: Department, by: str) -> None:
    starter = actor(person("Ada", legal)) if by == "person" else _program(legal)
    task = task_in(legal, not_the_starter=True)
    task.run.starter_kind, task.run.starter_id = starter.kind, starter.id
    task.run.save()

    with pytest.raises(PermissionDenied, match="You started this run"):
        decide_task(task, actor=starter, decision="approve")
    assert list(tasks_for(starter)) == []


def _program(department: Department) -> Actor:
    return actor_for_token(create_token(department, role=Role.APPROVER, name="Robot", actor=SYSTEM)[0])


def test_nobody_gets_round_the_four_eyes_by_handing_over(legal: Department) -> None:
    ada, ben, olga = person("Ada", legal), person("Ben", legal), person("Olga", legal, Role.VIEWER)
    task = task_in(legal, not_the_starter=True, not_the_author=True)
    task.run.starter_kind, task.run.starter_id = "person", str(ben.pk)
    task.run.save()
    with pytest.raises(ValidationError, match="Ben started this run"):
        handing_over.delegate_task(task, to=ben, reason="You know it.", actor=actor(ada))

    handed = handing_over.delegate_task(task, to=olga, reason="I am in court.", actor=actor(ada))
    assert (may_decide(handed, actor(olga)), handed.claimed_by) == (True, olga)
    with pytest.raises(ValidationError, match="Ben started this run"):
        handing_over.delegate_task(handed, to=ben, reason="And on.", actor=actor(olga))
    with pytest.raises(Conflict, match="Olga has taken this task"):
        decide_task(handed, actor=actor(ada), decision="approve")


def test_handing_over_goes_to_a_member_and_needs_a_reason(legal: Department) -> None:
    ada, sam = person("Ada", legal), person("Sam", factories.make_department("Marketing"))
    task = task_in(legal, **asked_of([ada]))

    with pytest.raises(ValidationError, match="Sam is nobody in Legal"):
        handing_over.delegate_task(task, to=sam, reason="Please.", actor=actor(ada))
    with pytest.raises(ValidationError, match="Say why"):
        handing_over.delegate_task(task, to=ada, reason="  ", actor=actor(ada))
    with pytest.raises(PermissionDenied, match="This question is for Ada"):
        handing_over.delegate_task(task, to=ada, reason="Mine.", actor=actor(person("Ben", legal)))


def test_who_has_taken_a_task_has_it_until_they_or_a_manager_give_it_back(legal: Department) -> None:
    ada, ben, mona = person("Ada", legal), person("Ben", legal), person("Mona", legal, Role.MANAGER)
    task = task_in(legal)

    handing_over.claim_task(task, actor=actor(ada))
    with pytest.raises(Conflict, match="Ada has taken this task already"):
        handing_over.claim_task(task, actor=actor(ben))
    with pytest.raises(PermissionDenied, match="they or a manager can give it back"):
        handing_over.release_task(task, actor=actor(ben))
    handing_over.release_task(task, actor=actor(mona))

    assert handing_over.claim_task(task, actor=actor(ben)).claimed_by == ben


def test_a_token_that_was_made_without_deciding_decides_nothing_whatever_its_role() -> None:
    task = factories.make_task()
    tokens = [
        create_token(task.department, role=Role.APPROVER, name="x", actor=SYSTEM, only=only)[0]
        for only in ([], ["view"])
    ]

    for token, may in zip(tokens, (True, False), strict=True):
        actor = actor_for_token(token)
        assert may_decide(task, actor) is may
        assert tasks_for(actor).exists() is may
