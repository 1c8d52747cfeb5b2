"""The lists of tasks that somebody looks through, and their order."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from audit import sql
from departments.access import Actor, visible
from workflows.models import Assignee, RunMode, Task, TaskStatus, Why
from workflows.services.deciders import Standing, tasks_for

MOST_COUNTED = 99
"""Counted further, a list of 100,000 would cost more than the number is worth."""


def tasks_handed_over(actor: Actor, _standing: Standing | None = None) -> QuerySet[Task]:
    """Open tasks that were handed over to the actor, or by them."""
    handed = Assignee.objects.filter(
        Q(person=actor.id) | Q(by=actor.id), task=OuterRef("pk"), stage=OuterRef("stage"), why=Why.DELEGATED
    )
    rows = visible(Task.objects.filter(status=TaskStatus.OPEN), actor)
    return rows.filter(Exists(handed.filter(until=None))) if actor.kind == "person" else rows.none()


def tasks_of_others(actor: Actor, standing: Standing | None = None) -> QuerySet[Task]:
    """Open tasks of the actor's departments that they are not asked. What is asked in a test is the tester's alone."""
    rows = visible(Task.objects.filter(status=TaskStatus.OPEN, run__mode=RunMode.LIVE), actor)
    return rows.filter(~Exists(tasks_for(actor, standing).filter(pk=OuterRef("pk"))))


def tasks_over(actor: Actor, _standing: Standing | None = None) -> QuerySet[Task]:
    """Decided, or ended by time, the latest first."""
    return visible(Task.objects.filter(decided_at__isnull=False), actor).order_by("-decided_at", "-pk")


def is_anything_open(actor: Actor) -> bool:
    """Whether any open question may be put to the actor: of their departments, whoever is asked, or about a budget.

    One short look: to find out who is asked costs as much as half of a small page. An administrator may be asked where
    the second wall shows no question.
    """
    if actor.is_administrator:
        return True
    everywhere = actor.kind == "system" or actor.is_auditor
    found = sql.row(_ANYTHING_OPEN, [everywhere, actor.departments()])
    return bool(found and found[0])


_ANYTHING_OPEN = """
SELECT EXISTS (SELECT FROM workflows_task WHERE status = 'open' AND (%s OR department_id = ANY(%s::uuid[])))
    OR EXISTS (SELECT FROM workflows_budgetquestion WHERE status = 'open')
"""


def counted(rows: QuerySet[Any], *more: QuerySet[Any]) -> int:
    """How many there are, as far as it is counted: one more than MOST_COUNTED stands for all that is beyond."""
    first, *others = (each.order_by().values("pk") for each in (rows, *more))
    return first.union(*others, all=True)[: MOST_COUNTED + 1].count()


def said(rows: QuerySet[Any], *more: QuerySet[Any]) -> str:
    """How many there are, as a badge shows it: nothing for none, 99+ beyond what is counted."""
    count = counted(rows, *more)
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")


def after(rows: QuerySet[Task], task: Task) -> QuerySet[Task]:
    """Those of the rows that come after the task: by deadline, those without one last."""
    if task.due_at is None:
        return rows.filter(due_at=None, pk__gt=task.pk)
    return rows.filter(Q(due_at__gt=task.due_at) | Q(due_at=task.due_at, pk__gt=task.pk) | Q(due_at=None))


def before(rows: QuerySet[Task], task: Task) -> QuerySet[Task]:
    """Those that come before it, the nearest first."""
    backwards = rows.order_by(F("due_at").desc(nulls_first=True), "-pk")
    if task.due_at is None:
        return backwards.filter(Q(due_at__isnull=False) | Q(due_at=None, pk__lt=task.pk))
    return backwards.filter(Q(due_at__lt=task.due_at) | Q(due_at=task.due_at, pk__lt=task.pk))


def after_over(rows: QuerySet[Task], task: Task) -> QuerySet[Task]:
    """As `after`, of tasks that are over."""
    return rows.filter(Q(decided_at__lt=task.decided_at) | Q(decided_at=task.decided_at, pk__lt=task.pk))
