"""Triggers that wait for the end of another workflow's runs. A part of the scheduler's sweep.

When a run is settled nobody asks whether somebody waits for its end; here it is found afterwards. An end may become
visible later than a younger one, as long as its transaction took. So each look goes back by OVERLAP behind the last
one, and leaves out what the trigger has heard already: its events are the memory, and their key is the run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit import sql
from connectors.sdk.triggers import Event, Within
from workflows.models import Run, RunStatus, Trigger, Workflow
from workflows.runtime import limits, store
from workflows.runtime.kinds import triggers
from workflows.services import firing, trigger_health
from workflows.services.triggers import settings_of

log = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=5)
AGAIN: Final = timedelta(minutes=1)
GONE_AGAIN: Final = timedelta(hours=1)
OVERLAP: Final = timedelta(minutes=5)
"""No transaction lasts as long: the database ends a statement after 15 s, and one that idles after 30."""
AT_A_TIME: Final = 50
DEEPEST: Final = 10
TOO_DEEP: Final = (
    f"{DEEPEST} runs have started one another by their ends already. Workflows that start each other go on for ever; "
    "take one of these triggers away."
)
WANTED: Final = {
    "succeeded": [RunStatus.SUCCEEDED],
    "failed": [RunStatus.FAILED],
    "either": [RunStatus.SUCCEEDED, RunStatus.FAILED],
}


def strike() -> int:
    """Look for ends where it is due; how many events were told."""
    kinds = [kind for kind, made in triggers().items() if issubclass(made, Within)]
    return sum(_try(*row) for row in sql.rows(_DUE, [kinds, limits.SWEEP_BATCH]))


def _try(trigger_id: UUID) -> int:
    try:
        with transaction.atomic():
            return _strike(trigger_id)
    except Exception:
        log.exception("trigger.failed: %s is looked at again in a minute", trigger_id)
        Trigger.objects.filter(pk=trigger_id).update(next_at=Now() + AGAIN)
        return 0


def _strike(trigger_id: UUID) -> int:
    rows = Trigger.objects.select_related("workflow__department", "department", "owner")
    rows = rows.select_for_update(of=("self",), skip_locked=True)
    now = store.clock()
    trigger = rows.filter(pk=trigger_id, enabled=True, removed_at=None, next_at__lte=now).first()
    if trigger is None:
        return 0
    settings = settings_of(trigger)
    watched = Workflow.objects.filter(department=trigger.department_id, slug=settings.workflow).first()
    if watched is None:
        trigger_health.failed(trigger, f"There is no workflow “{settings.workflow}” any more.", tell_at_once=True)
        Trigger.objects.filter(pk=trigger.pk).update(next_at=Now() + GONE_AGAIN)
        return 0
    found = _ended(trigger, watched, WANTED[settings.how])
    for run in found:
        _tell(trigger, watched, run)
    _move_on(trigger, found, now)
    return len(found)


def _ended(trigger: Trigger, watched: Workflow, statuses: Sequence[str]) -> list[Run]:
    """The oldest of those that it has not heard of."""
    begun, until = (datetime.fromisoformat(trigger.state[name]) for name in ("begun", "until"))
    since = max(begun, until - OVERLAP)
    found = sql.rows(_ENDED, [watched.pk, since, list(statuses), trigger.pk, AT_A_TIME])
    return list(Run.objects.filter(pk__in=[id for (id,) in found]).order_by("finished_at", "id"))


def _tell(trigger: Trigger, watched: Workflow, run: Run) -> None:
    event = Event(str(run.pk), _about(run, watched), run.title)
    if run.chain >= DEEPEST:
        firing.refuse(trigger, event, TOO_DEEP)
        return
    fired = firing.fire(trigger, event)
    if fired.is_new and fired.run_id is not None:
        Run.objects.filter(pk=fired.run_id).update(chain=run.chain + 1)


def _about(run: Run, watched: Workflow) -> dict[str, Any]:
    return {
        "run": str(run.pk),
        "workflow": watched.name,
        "title": run.title,
        "status": run.status,
        "output": run.output,
        "error": run.error,
        "started_by": run.started_by,
        "finished_at": run.finished_at.isoformat() if run.finished_at else "",
    }


def _move_on(trigger: Trigger, found: list[Run], now: datetime) -> None:
    is_full = len(found) == AT_A_TIME
    until = found[-1].finished_at if is_full else now
    assert until is not None
    state = {**trigger.state, "until": until.isoformat()}
    Trigger.objects.filter(pk=trigger.pk).update(state=state, next_at=now if is_full else now + EVERY)


_DUE = """
SELECT id FROM workflows_trigger
WHERE enabled AND removed_at IS NULL AND next_at <= (SELECT clock_timestamp()) AND kind = ANY(%s)
ORDER BY next_at LIMIT %s
"""

_ENDED = """
SELECT run.id FROM workflows_run AS run
WHERE run.workflow_id = %s AND run.parent_id IS NULL AND run.finished_at > %s
    AND run.status = ANY(%s) AND run.mode = 'live'
    AND NOT EXISTS (
        SELECT FROM workflows_triggerevent AS event WHERE event.trigger_id = %s AND event.key = run.id::text
    )
ORDER BY run.finished_at, run.id LIMIT %s
"""
