"""Triggers whose time has come. A part of the scheduler's sweep; any number of schedulers may do it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit import sql
from connectors.sdk.triggers import Clock
from workflows.models import Trigger
from workflows.runtime import limits, store
from workflows.runtime.kinds import triggers
from workflows.services import firing, trigger_health
from workflows.services.refusals import Conflict
from workflows.services.triggers import settings_of

log = logging.getLogger(__name__)

LATE: Final = timedelta(minutes=5)
"""What is later than this was missed; what is not, was only slow."""
AT_A_TIME: Final = 50
AGAIN: Final = timedelta(minutes=1)
A_WHILE: Final = timedelta(hours=1)
TOO_LATE: Final = "The server stood still at this time, and what is missed is left out."


def strike() -> int:
    """Do what is due; how many triggers were looked at."""
    clocks = [kind for kind, made in triggers().items() if issubclass(made, Clock)]
    found = sql.rows(_DUE, [clocks, limits.SWEEP_BATCH])
    return sum(_try(*row) for row in found)


def _try(trigger_id: UUID) -> bool:
    try:
        with transaction.atomic():
            return _strike(trigger_id)
    except Exception:
        log.exception("trigger.failed: %s is looked at again in a minute", trigger_id)
        # Its time stays what it was: it, and those after it, are not lost.
        Trigger.objects.filter(pk=trigger_id).update(busy_until=Now() + AGAIN)
        return False


def _strike(trigger_id: UUID) -> bool:
    rows = Trigger.objects.select_related("workflow__department", "department", "owner")
    rows = rows.select_for_update(of=("self",), skip_locked=True)
    now = store.clock()
    trigger = rows.filter(pk=trigger_id, enabled=True, removed_at=None, next_at__lte=now).first()
    if trigger is None:
        return False
    try:
        kind, settings = triggers()[trigger.kind](), settings_of(trigger)
    except Conflict as error:
        Trigger.objects.filter(pk=trigger_id).update(busy_until=Now() + A_WHILE)
        trigger_health.failed(trigger, str(error), tell_at_once=True)
        return False
    assert isinstance(kind, Clock)
    due = takewhile(lambda at: at <= now, kind.times(settings, trigger.next_at))
    times = list(islice(due, AT_A_TIME + 1))
    for at in times[:AT_A_TIME]:
        _happen(trigger, kind, settings, at, now, is_last=at == times[-1])
    _move_on(trigger, kind, settings, times, now)
    return True


def _happen(trigger: Trigger, kind: Clock, settings: Any, at: datetime, now: datetime, *, is_last: bool) -> None:
    event = kind.event(settings, at)
    missed = now - at > LATE
    makes_up = settings.missed == "all" or (settings.missed == "once" and is_last)
    if missed and not makes_up:
        firing.leave_out(trigger, event, TOO_LATE)
    else:
        firing.fire(trigger, event)


def _move_on(trigger: Trigger, kind: Clock, settings: Any, times: list[datetime], now: datetime) -> None:
    """A long standstill is made up for in pieces, so that nobody else waits for it."""
    next_at = times[AT_A_TIME] if len(times) > AT_A_TIME else kind.next_after(settings, now)
    Trigger.objects.filter(pk=trigger.pk).update(next_at=next_at)
    if next_at is None:
        trigger_health.failed(trigger, "There is no further time at which it starts.", tell_at_once=True)


_DUE = """
SELECT id FROM workflows_trigger
WHERE enabled AND removed_at IS NULL AND next_at <= (SELECT clock_timestamp()) AND kind = ANY(%s)
    AND (busy_until IS NULL OR busy_until <= (SELECT clock_timestamp()))
ORDER BY next_at LIMIT %s
"""
