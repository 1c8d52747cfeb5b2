"""From an event to a run: once for each key, whoever tells it how often.

READ COMMITTED is enough: the event's row is inserted under its unique key first, and whoever comes second waits for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import sql
from connectors.models import Health
from connectors.sdk.triggers import Event
from departments.access import Actor
from departments.models import Role
from workflows.engine import conditions, params, strict
from workflows.engine.definition import Definition
from workflows.models import Heard, Priority, Run, Trigger, TriggerEvent
from workflows.runtime import journey, listening
from workflows.services import trigger_health
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.runs import accept_run

log = logging.getLogger(__name__)
LONGEST_KEY = 300
NOTED_EVERY = timedelta(seconds=5)
REMEDY = "Choose in the settings of the trigger what these inputs get, or change what is asked for in the workflow."


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of an event. `is_new` is False for one that was known already; `run_id` is that of the first time.

    `reference` tells for which run that waits it is kept.
    """

    outcome: Heard
    is_new: bool
    run_id: UUID | None = None
    said: str = ""
    reference: str = ""


def fire(trigger: Trigger, event: Event, *, priority: int = Priority.NORMAL) -> Fired:
    """Start a run for it, unless its key is known. What cannot start is written down and told, not raised.

    `trigger` has its workflow and department.
    """
    with transaction.atomic():
        row = _insert(trigger, event)
        if row is None:
            known = TriggerEvent.objects.get(trigger=trigger, key=key_of(event))
            return Fired(Heard(known.outcome), False, known.run_id, known.said)
        fired = _start(trigger, event, priority)
        row.outcome, row.said, row.run_id = fired.outcome, fired.said, fired.run_id
        row.reference, row.looked = fired.reference, not fired.reference
        row.save(update_fields=["outcome", "said", "run_id", "reference", "looked"])
        if fired.reference:
            listening.look_for_event(row.pk, trigger.pk, fired.reference)
        _note(trigger, fired)
    return fired


def leave_out(trigger: Trigger, event: Event, why: str) -> None:
    """It was missed and is not made up for. Inside a transaction."""
    _keep(trigger, event, Heard.MISSED, why)


def refuse(trigger: Trigger, event: Event, why: str) -> None:
    """It must not start a run; its owner is told. Inside a transaction."""
    if _keep(trigger, event, Heard.REFUSED, why):
        trigger_health.failed(trigger, why, tell_at_once=True)


def _keep(trigger: Trigger, event: Event, outcome: Heard, why: str) -> bool:
    row = _insert(trigger, event)
    if row is None:
        return False
    row.outcome, row.said = outcome, why
    row.save(update_fields=["outcome", "said"])
    return True


def key_of(event: Event) -> str:
    """As it is kept: what is too long is cut, and told apart from others by its hash."""
    if len(event.key) <= LONGEST_KEY:
        return event.key
    return f"{event.key[: LONGEST_KEY - 65]} {hashlib.sha256(event.key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def actor_of(trigger: Trigger) -> Actor:
    """A trigger may start runs in its department, and nothing else."""
    roles = {trigger.department_id: frozenset({Role.OPERATOR.value})}
    return Actor(kind="trigger", id=str(trigger.pk), label=trigger.title, roles=roles)


def _insert(trigger: Trigger, event: Event) -> TriggerEvent | None:
    """None when the key is known."""
    data = dict(event.data)
    strict.check(data)
    row = TriggerEvent(trigger=trigger, key=key_of(event), title=event.title[:200], data=data)
    found = sql.row(_INSERT, [trigger.pk, row.key, row.title, sql.document(data)])
    if found is None:
        return None
    row.pk, row._state.adding, row._state.db = found[0], False, "default"
    return row


def _start(trigger: Trigger, event: Event, priority: int) -> Fired:
    try:
        scope = {"event": dict(event.data), "trigger": {"title": trigger.title}}
        if trigger.only_if is not None and not conditions.holds(trigger.only_if, scope):
            return Fired(Heard.IGNORED, True, said="The condition did not hold.")
        if trigger.reference:
            return _kept(trigger, scope)
        given = _inputs(trigger, scope)
        # A savepoint: what is refused in there must not undo that it was heard.
        with transaction.atomic():
            actor = actor_of(trigger)
            run = accept_run(trigger.workflow, inputs=given, actor=actor, priority=priority, title=event.title).run
        return Fired(Heard.STARTED, True, run.pk)
    except ValidationError as error:
        remedy = REMEDY if hasattr(error, "message_dict") else ""
        return Fired(Heard.REFUSED, True, said=f"{in_words(error)} {remedy}".strip())
    except (Conflict, params.BadText, conditions.BadCondition) as error:
        return Fired(Heard.REFUSED, True, said=str(error))


def _kept(trigger: Trigger, scope: Mapping[str, Any]) -> Fired:
    """For the run that waits for it, or will. Raises BadText."""
    reference = listening.kept(str(params.render({"it": trigger.reference}, scope)["it"]))
    if not reference:
        return Fired(Heard.REFUSED, True, said="It has no reference, so it belongs to no run.")
    return Fired(Heard.KEPT, True, reference=reference)


def _inputs(trigger: Trigger, scope: Mapping[str, Any]) -> dict[str, Any]:
    """As people have said; else what the event calls as the input is called. Raises BadText."""
    definition = live_definition(trigger)
    asked = definition.inputs if definition else {}
    same = {name: scope["event"][name] for name in asked if name in scope["event"]}
    chosen = {name: text for name, text in trigger.inputs.items() if name in asked and text not in ("", None)}
    return {**same, **params.render(chosen, scope)}


def live_definition(trigger: Trigger) -> Definition | None:
    live = trigger.workflow.live_id
    return journey.tree_of(live).definition if live is not None else None


def in_words(error: ValidationError) -> str:
    if not hasattr(error, "message_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())


def _note(trigger: Trigger, fired: Fired) -> None:
    # Not each time: a thousand calls a second would wait for each other at this row.
    recently = Q(last_event_at__gt=Now() - NOTED_EVERY)
    Trigger.objects.filter(pk=trigger.pk).exclude(recently).update(last_event_at=Now())
    if fired.outcome == Heard.REFUSED:
        trigger_health.failed(trigger, fired.said, tell_at_once=True)
    elif fired.outcome in (Heard.STARTED, Heard.KEPT) and trigger.health != Health.WORKS:
        trigger_health.works(trigger)


def started(fired: Fired) -> Run | None:
    return Run.objects.filter(pk=fired.run_id).first() if fired.run_id else None


_INSERT = """
INSERT INTO workflows_triggerevent (trigger_id, key, title, data, outcome, said, at)
VALUES (%s, %s, %s, %s, 'started', '', clock_timestamp())
ON CONFLICT (trigger_id, key) DO NOTHING RETURNING id
"""
