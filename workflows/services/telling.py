"""Which people hear of a task: those asked in its stage now, who stands in for them, and nobody who must not answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from departments.absences import stand_in_for
from departments.access import Actor
from departments.models import Role, User
from workflows.models import Assignee, Decision, Task
from workflows.services.deciders import PERSON, reason_against

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A person, and by what they are asked: `in_place_of` names the one who is away and for whom they stand in."""

    person: User
    asked: Assignee
    in_place_of: str = ""


def people_of(task: Task, rows: Iterable[Assignee], at: datetime) -> list[Told]:
    """Each person once, by the first of the rows that means them; without those who have answered this stage already.

    Where nobody who holds the asked role may answer, the managers hear of it: they may answer in the place of any role.
    """
    voted = set(Decision.objects.filter(task=task, stage=task.stage).values_list("person_id", flat=True))
    found: dict[object, Told] = {}
    for asked in rows:
        allowed = [told for told in _meant(task, asked, at) if _may_answer(task, told.person)]
        if not allowed and asked.role:
            managers = _members(task).filter(memberships__role=Role.MANAGER)
            allowed = [Told(person, asked) for person in managers.distinct() if _may_answer(task, person)]
        for told in allowed:
            if told.person.pk not in voted:
                found.setdefault(told.person.pk, told)
    return list(found.values())


def _meant(task: Task, asked: Assignee, at: datetime) -> Iterator[Told]:
    if asked.role:
        here = _members(task).filter(memberships__role=asked.role, memberships__department_id=task.department_id)
        yield from (Told(person, asked) for person in here.distinct())
        return
    named = list(_named(asked, task))
    members = set(_members(task).values_list("pk", flat=True))
    yield from (Told(person, asked) for person in named if person.pk in members)
    # Whoever is away hears of it too: they may look in, and know when they are back what was asked of them.
    for person in _perhaps_away(named, at):
        stand_in = stand_in_for(person, at)
        if stand_in is not None and stand_in.pk in members:
            yield Told(stand_in, asked, str(person))


def _named(asked: Assignee, task: Task) -> QuerySet[User]:
    if asked.person_id is not None:
        return User.objects.filter(pk=asked.person_id)
    return User.objects.filter(member_of__department=task.department_id, member_of__slug=asked.group)


def _members(task: Task) -> QuerySet[User]:
    return User.objects.filter(is_active=True, memberships__department_id=task.department_id)


def _perhaps_away(people: Iterable[User], at: datetime) -> QuerySet[User]:
    """A day on each side: which date it is, depends on the time zones of the departments."""
    ids = [person.pk for person in people]
    about_now = {"absences__starts__lte": at.date() + ONE_DAY, "absences__ends__gte": at.date() - ONE_DAY}
    return User.objects.filter(pk__in=ids, **about_now).distinct()


def _may_answer(task: Task, person: User) -> bool:
    return not reason_against(task, Actor(PERSON, str(person.pk), str(person)))
