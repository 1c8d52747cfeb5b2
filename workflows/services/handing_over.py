"""Taking a task for oneself, giving it back, and handing it over to a colleague."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.payloads import Words
from audit.people import named
from audit.services import record
from departments import notices
from departments.access import Actor, Verb
from departments.models import User
from workflows.models import Assignee, Task, TaskStatus, Why
from workflows.runtime import store, tasks
from workflows.services.deciders import Seat, require_decider
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError
from workflows.services.tasks import require_open, require_reason, too_late
from workflows.services.telling import people_of


def claim_task(task: Task, *, actor: Actor) -> Task:
    """Take it, so that nobody else works on it meanwhile. Raises Conflict when somebody has."""
    require_decider(task, actor)
    if actor.kind != "person":
        raise PermissionDenied("Only a person can take a task.")
    with transaction.atomic():
        rows = Task.objects.filter(pk=task.pk, status=TaskStatus.OPEN, claimed_by=None)
        if not rows.update(claimed_by=actor.id, claimed_at=Now()):
            _refuse_claim(task, actor)
            return task
        record("task.claimed", actor=actor, department=task.department.slug, thing=task, run_id=task.run_id)
    task.refresh_from_db()
    return task


def release_task(task: Task, *, actor: Actor) -> Task:
    """Give it back to all who are asked: by who has taken it, or a manager."""
    task.refresh_from_db()
    require_open(task)
    taken = task.claimed_by
    if taken is None:
        return task
    if str(taken.pk) != actor.id and not actor.may(Verb.MANAGE, task.department_id):
        raise PermissionDenied(f"{taken} has taken this task; they or a manager can give it back.")
    with transaction.atomic():
        Task.objects.filter(pk=task.pk, status=TaskStatus.OPEN, claimed_by=taken).update(
            claimed_by=None, claimed_at=None
        )
        record("task.released", actor=actor, department=task.department.slug, thing=task, run_id=task.run_id)
    task.refresh_from_db()
    return task


def delegate_task(task: Task, *, to: User, reason: str, actor: Actor, of: User | None = None) -> Task:
    """Hand the question over to a colleague, with a reason. A manager may hand over what is asked of others; with `of`
    that of this person alone.

    Raises ValidationError for somebody who is not of the department or must not answer, PermissionDenied, Conflict.
    """
    seat = require_may_hand_over(task, actor)
    why = require_reason(reason)
    _check_delegate(task, to)
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        require_open(locked)
        rows = Assignee.objects.filter(task=task, stage=locked.stage, until=None)
        # Whoever hands over a question to a role or group gives away only their own part in it: the others stay asked.
        own = rows.filter(pk=seat.assignee.pk) if seat is not None and seat.assignee is not None else rows
        own = own.filter(person=of) if of is not None else own
        own.exclude(person=None).update(until=Now())
        Assignee.objects.create(
            task=task,
            stage=locked.stage,
            person=to,
            why=Why.DELEGATED,
            by_id=actor.id if actor.kind == "person" else None,
            by_label=actor.label,
            reason=why,
        )
        if locked.needs == 1 and (of is None or locked.claimed_by_id is None):
            locked.claimed_by, locked.claimed_at = to, store.clock()
        tasks.set_moments(locked, [{"at": store.clock(), "do": "tell"}, *locked.moments])
        locked.save(update_fields=["claimed_by", "claimed_at", "moments", "next_at"])
        _withdraw_from_others(task)
        record(
            "task.delegated",
            actor=actor,
            department=task.department.slug,
            thing=task,
            run_id=task.run_id,
            to=named(to),
            reason=Words(why),
        )
    task.refresh_from_db()
    return task


def require_may_hand_over(task: Task, actor: Actor) -> Seat | None:
    """By what right; None for a manager. Raises PermissionDenied saying why."""
    return None if actor.may(Verb.MANAGE, task.department_id) else require_decider(task, actor)


def _withdraw_from_others(task: Task) -> None:
    """Who is not asked any more need not hear of it now."""
    asked = task.assignees.filter(stage=task.stage, until=None).select_related("person")
    told = people_of(task, asked, store.clock())
    notices.withdraw([task.pk], but_for=[each.person.pk for each in told])


def _check_delegate(task: Task, to: User) -> None:
    """Nobody gets round a rule by handing over to somebody whom it forbids to answer (case Z07)."""
    if not (to.is_active and to.memberships.filter(department=task.department_id).exists()):
        raise ValidationError({"to": f"{to} is nobody in {task.department.name}. Choose a member of the department."})
    if task.not_the_starter and (task.run.starter_kind, task.run.starter_id) == ("person", str(to.pk)):
        raise ValidationError({"to": f"{to} started this run, so somebody else has to decide."})
    if task.not_the_author and ["person", str(to.pk)] in task.run.version.authors:
        raise ValidationError({"to": f"{to} has written this version of the workflow, so somebody else has to decide."})


def _refuse_claim(task: Task, actor: Actor) -> None:
    task.refresh_from_db()
    if task.status != TaskStatus.OPEN:
        raise Conflict(too_late(task))
    if task.claimed_by is not None and str(task.claimed_by.pk) != actor.id:
        raise Conflict(f"{task.claimed_by} has taken this task already.")
