"""Who may answer a task: those asked in its stage now, those who stand in for them, and nobody who must not."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from departments.access import Actor, Verb, visible
from departments.models import Group, Role, User
from departments.standing_in import acts_for
from workflows.models import Assignee, Task, TaskStatus
from workflows.services.refusals import PermissionDenied

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Seat:
    """By what right somebody answers: `absent` is the person for whom they stand in, if they do."""

    assignee: Assignee | None
    absent: User | None = None

    @property
    def in_place_of(self) -> str:
        return str(self.absent or "")


@dataclass(frozen=True, slots=True)
class Standing:
    """The people for whom an actor may answer today: themselves first, then those for whom they stand in."""

    people: tuple[User, ...] = ()

    @property
    def ids(self) -> list[UUID]:
        return [person.pk for person in self.people]


def standing_of(actor: Actor, own: User | None = None) -> Standing:
    """At most three queries, one less where the actor's own row is known; none for a program."""
    if actor.kind != PERSON:
        return Standing()
    return Standing(tuple(acts_for(UUID(actor.id), timezone.now(), own)))


def seat_of(task: Task, actor: Actor) -> Seat | None:
    """None for somebody who is not asked, or who must not answer."""
    if actor.kind == "system":
        return Seat(None)
    if actor.leaves_out(Verb.DECIDE) or reason_against(task, actor):
        return None
    held = actor.roles.get(task.department_id, frozenset())
    if not held:
        return None  # nobody decides for a department that they have left
    standing = standing_of(actor)
    for asked in task.assignees.filter(stage=task.stage, until=None).select_related("person"):
        if asked.role and (asked.role in held or Role.MANAGER in held):
            return Seat(asked)
        if (person := _person_meant(asked, task, standing)) is not None:
            return Seat(asked, None if str(person.pk) == actor.id else person)
    return None


def _person_meant(asked: Assignee, task: Task, standing: Standing) -> User | None:
    """The asked person, or member of the asked group, for whom the actor may answer."""
    if asked.person_id is not None:
        return next((person for person in standing.people if person.pk == asked.person_id), None)
    if not asked.group:
        return None
    members = set(
        Group.objects.filter(department=task.department_id, slug=asked.group, members__in=standing.ids).values_list(
            "members", flat=True
        )
    )
    return next((person for person in standing.people if person.pk in members), None)


def reason_against(task: Task, actor: Actor) -> str:
    """Why this actor must not answer although they may be asked; nothing when they may."""
    if task.not_the_starter and (actor.kind, actor.id) == (task.run.starter_kind, task.run.starter_id):
        return "You started this run, so somebody else has to decide."
    if task.not_the_author and [actor.kind, actor.id] in task.run.version.authors:
        return "You have written this version of the workflow, so somebody else has to decide."
    return ""


def may_decide(task: Task, actor: Actor) -> bool:
    return seat_of(task, actor) is not None


def require_decider(task: Task, actor: Actor) -> Seat:
    """Raises PermissionDenied saying why."""
    if (seat := seat_of(task, actor)) is not None:
        return seat
    raise PermissionDenied(reason_against(task, actor) or f"This question is for {whom(task)}.")


def whom(task: Task) -> str:
    """Those asked now, in words."""
    rows = task.assignees.filter(stage=task.stage, until=None).select_related("person")
    return ", ".join(dict.fromkeys(one_asked(task, row) for row in rows)) or f"nobody in {task.department.name}"


def one_asked(task: Task, asked: Assignee) -> str:
    if asked.person is not None:
        return str(asked.person)
    return asked.group or f"{Role(asked.role).label} of {task.department.name}"


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tasks_for(actor: Actor, standing: Standing | None = None) -> QuerySet[Task]:
    """The open questions that the actor may answer, the most urgent first. `standing` where it is known already."""
    if actor.kind == "system":
        return _open(actor)
    return _open(actor).filter(_asked(_by_role(actor) | _by_name(standing or standing_of(actor))))


def tasks_by_name(actor: Actor, standing: Standing | None = None) -> QuerySet[Task]:
    """Of those, what is asked of the person, of a group of theirs, or of somebody for whom they stand in."""
    return _open(actor).filter(_asked(_by_name(standing or standing_of(actor))))


def tasks_by_role(actor: Actor, standing: Standing | None = None) -> QuerySet[Task]:
    """Of those, what anybody with the role may take."""
    by_name = _asked(_by_name(standing or standing_of(actor)))
    return _open(actor).filter(_asked(_by_role(actor))).exclude(by_name)


def _open(actor: Actor) -> QuerySet[Task]:
    """Open questions of the actor's departments, without those that they must not answer."""
    return _allowed(visible(Task.objects.filter(status=TaskStatus.OPEN), actor), actor)


def _allowed(rows: QuerySet[Task], actor: Actor) -> QuerySet[Task]:
    """Without those that the actor must not answer."""
    rows = rows.exclude(not_the_starter=True, run__starter_kind=actor.kind, run__starter_id=actor.id)
    return rows.exclude(not_the_author=True, run__version__authors__contains=[[actor.kind, actor.id]])


def _asked(condition: Q) -> Exists:
    return Exists(Assignee.objects.filter(condition, task=OuterRef("pk"), stage=OuterRef("stage"), until=None))


def _by_role(actor: Actor) -> Q:
    mine = Q(pk__in=[])
    if actor.leaves_out(Verb.DECIDE):
        return mine
    for department_id, held in actor.roles.items():
        asked = ~Q(role="") if Role.MANAGER in held else Q(role__in=held)
        mine |= Q(task__department_id=department_id) & asked
    return mine


def _by_name(standing: Standing) -> Q:
    if not standing.people:
        return Q(pk__in=[])
    groups = Group.objects.filter(
        members__in=standing.ids, department=OuterRef("task__department"), slug=OuterRef("group")
    )
    return Q(person__in=standing.ids) | Q(~Q(group=""), Exists(groups))
