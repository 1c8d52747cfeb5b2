"""Who has looked into a run that somebody else started (rule A13): what went in and came out may be confidential."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from audit.models import Entry
from audit.services import record
from departments.access import Actor
from workflows.models import Run

SAID_AGAIN_AFTER = timedelta(days=1)
"""Whoever looks many times a day is told of once."""


def looked_into(run: Run, actor: Actor) -> None:
    """Somebody sees inputs and results, on a page or over the API. Runs inside another are parts of that one."""
    while run.parent is not None:
        run = run.parent
    if (actor.kind, actor.id) != (run.starter_kind, run.starter_id) and not _is_known(run, actor):
        with transaction.atomic():
            record("run.looked_into", actor=actor, department=run.department.slug, thing=run, run_id=run.pk)


def _is_known(run: Run, actor: Actor) -> bool:
    told = Entry.objects.filter(run_id=run.pk, verb="run.looked_into", actor_kind=actor.kind, actor_id=actor.id)
    return told.filter(at__gte=Now() - SAID_AGAIN_AFTER).exists()
