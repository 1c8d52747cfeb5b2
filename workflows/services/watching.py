"""Triggers that look whether something new is there. A part of the scheduler's sweep; any number of them may do it.

Who looks has a lease: the value of `busy_until`. What the look has found is written in one transaction, which first
sees that the lease is still the same. So a scheduler may die anywhere: either nothing was written, and another one
looks again, or all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit import sql
from connectors.models import Health
from connectors.sdk import RateLimited, StepError
from connectors.sdk.triggers import Event, Looked, Watch
from workflows.engine import strict
from workflows.models import Heard, Trigger
from workflows.runtime import limits, store
from workflows.runtime.kinds import triggers
from workflows.runtime.outlook import Outlook
from workflows.services import firing, trigger_health
from workflows.services.lanes import Lanes
from workflows.services.triggers import settings_of

log = logging.getLogger(__name__)

LONGEST_PAUSE: Final = timedelta(hours=1)
ODD: Final = "Something went wrong that Tandem does not know. Who runs the server finds it in the log."


class Watcher(Lanes):
    """The looks of one scheduler."""

    def __init__(self) -> None:
        super().__init__("look", _due, take, look)


def look_soon(trigger: Trigger) -> None:
    """Somebody does not want to wait. A look that is under way is enough."""
    Trigger.objects.filter(pk=trigger.pk, enabled=True, removed_at=None, busy_until=None).update(next_at=Now())


def take(trigger_id: UUID) -> datetime | None:
    """The lease, unless somebody else has it or nothing is due."""
    found = sql.row(_TAKE, [limits.LOOK_LEASE.total_seconds(), trigger_id])
    return found[0] if found else None


def look(trigger_id: UUID, lease: datetime) -> bool:
    """Look, and write down what came of it; False when the lease is somebody else's by now."""
    trigger = _held(trigger_id, lease).first()
    if trigger is None:
        return False
    outlook = Outlook(trigger, store.clock())
    try:
        found = _found(trigger, outlook)
    except StepError as error:
        return _failed(trigger, lease, outlook, error)
    landed = _land(trigger, lease, found)
    if not landed:
        outlook.files.forget()
    return landed


def _found(trigger: Trigger, outlook: Outlook) -> Looked:
    """Raises StepError."""
    kind = triggers()[trigger.kind]()
    assert isinstance(kind, Watch)
    try:
        settings = settings_of(trigger)
        sql.release()
        return kind.look(settings, outlook, trigger.state)
    except StepError:
        raise
    except Exception:
        log.exception("look.defect: %s %s", trigger.kind, trigger.pk)
        raise StepError(ODD) from None


def _land(trigger: Trigger, lease: datetime, found: Looked) -> bool:
    """All of it or nothing. Whoever has changed the trigger, or switched it off, has taken the lease away."""
    with transaction.atomic():
        held = _held(trigger.pk, lease).select_for_update(of=("self",)).first()
        if held is None:
            return False
        fired = [firing.fire(held, _fit(event)) for event in found.events]
        pause = timedelta(0) if found.more else _every(held)
        changed = {"state": dict(found.state)} if found.state != held.state else {}
        Trigger.objects.filter(pk=held.pk).update(next_at=Now() + pause, busy_until=None, **changed)
        if not any(each.outcome == Heard.REFUSED for each in fired):
            _well(held, found.said)
    return True


def _failed(trigger: Trigger, lease: datetime, outlook: Outlook, error: StepError) -> bool:
    """Nobody is asked as often as before while that goes wrong."""
    outlook.files.forget()
    with transaction.atomic():
        held = _held(trigger.pk, lease).select_for_update(of=("self",)).first()
        if held is None:
            return False
        outlook.note_failure(error)
        trigger_health.failed(held, error.message)
        pause = pause_after(_every(held), held.failed_times, error)
        Trigger.objects.filter(pk=held.pk).update(next_at=Now() + pause, busy_until=None)
    return True


def pause_after(every: timedelta, failed_times: int, error: StepError) -> timedelta:
    """Doubles from the ordinary one up to an hour; the other side's own wish wins when it is longer."""
    pause = min(every * 2 ** min(failed_times, 20), max(LONGEST_PAUSE, every))
    wish = error.retry_after if isinstance(error, RateLimited) else None
    return max(pause, min(wish, timedelta(days=1))) if wish else pause


def _well(trigger: Trigger, said: str) -> None:
    """What could not be started is not well again because nothing has come since."""
    last = trigger.events.first() if trigger.health == Health.FAILS else None
    if last is not None and last.outcome == Heard.REFUSED:
        Trigger.objects.filter(pk=trigger.pk).update(failed_times=0, health_said=last.said)
    elif trigger.health != Health.WORKS or trigger.health_said != said:
        trigger_health.works(trigger, said)


def _every(trigger: Trigger) -> timedelta:
    kind = triggers()[trigger.kind]
    assert issubclass(kind, Watch)
    return kind.every


def _held(trigger_id: UUID, lease: datetime) -> Any:
    rows = Trigger.objects.select_related("workflow__department", "department", "owner")
    return rows.filter(pk=trigger_id, busy_until=lease, enabled=True, removed_at=None)


def _fit(event: Event) -> Event:
    """What comes from outside may hold what nobody can store; that must not stop all that comes after it."""
    try:
        strict.check(event.data)
        return event
    except strict.NotStrict:
        return replace(event, data=_cleaned(event.data))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return strict.legible(value, limits.INLINE_BYTES)
    if isinstance(value, Mapping):
        return {strict.legible(str(name)): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _due() -> sql.Rows:
    """Each department's first ones before any second: a hundred triggers of one must not keep another's waiting."""
    watches = [kind for kind, made in triggers().items() if issubclass(made, Watch)]
    return sql.rows(_DUE, [watches, limits.SWEEP_BATCH])


_DUE = """
SELECT id, department_id FROM workflows_trigger
WHERE enabled AND removed_at IS NULL AND next_at <= (SELECT clock_timestamp()) AND kind = ANY(%s)
    AND (busy_until IS NULL OR busy_until <= (SELECT clock_timestamp()))
ORDER BY row_number() OVER (PARTITION BY department_id ORDER BY failed_times > 0, next_at), next_at
LIMIT %s
"""

_TAKE = """
UPDATE workflows_trigger SET busy_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND enabled AND removed_at IS NULL AND next_at <= clock_timestamp()
    AND (busy_until IS NULL OR busy_until <= clock_timestamp())
RETURNING busy_until
"""
