"""When somebody who may decide a task first looked at it."""

from __future__ import annotations

from departments.access import Actor
from workflows.models import Look, Task


def look_at(task: Task, *, actor: Actor) -> None:
    """Write it down once; later looks change nothing. One statement."""
    if actor.kind == "person":
        Look.objects.bulk_create([Look(task=task, person_id=actor.id)], ignore_conflicts=True)
