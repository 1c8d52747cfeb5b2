"""Tasks: what waits for a person."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from departments.access import Actor, Verb
from workflows.models import Task, TaskStatus


def decidable(actor: Actor) -> QuerySet[Task]:
    """Open tasks that this actor may decide: in their departments, asked of their role or of themselves."""
    if actor.kind != "person":
        return Task.objects.none()
    asked = Q(department__in=actor.departments(Verb.DECIDE)) & (Q(person__isnull=True) | Q(person_id=actor.id))
    own_runs = Q(not_the_starter=True, run__starter_kind="person", run__starter_id=actor.id)
    return Task.objects.filter(asked, status=TaskStatus.OPEN).exclude(own_runs)
