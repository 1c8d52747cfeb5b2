"""Manual mode: people do what AI steps would do, in a department, in one workflow, or of one provider of models.

It may have to do with hundreds of runs: each is gone on with in a transaction of its own, and what is not reached comes
to the same end when its time limit is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from audit.payloads import Words
from audit.services import record
from connectors.models import Provider
from departments.access import Actor, Verb, require, visible
from departments.models import Department
from workflows.models import Attempt, ManualMode, Run, StepRun, StepStatus, Task, TaskKind, TaskStatus, Workflow
from workflows.models.states import RUN_OVER
from workflows.runtime import taking_back
from workflows.runtime.kinds import kinds
from workflows.services.deciders import Seat
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.tasks import Said, Seen, decide, require_reason

STAY: Final = "stay"
BACK: Final = "back"
THEN: Final = (STAY, BACK)
BUSY: Final = "Its run is held up at the moment. Hand it back once more in a minute."


@dataclass(frozen=True, slots=True)
class HandedBack:
    """What became of handing tasks back to the machine. `refused`: the task and why."""

    done: int = 0
    refused: tuple[tuple[Task, str], ...] = ()


def switch_on(
    department: Department, *, workflow: Workflow | None = None, provider: str = "", reason: str, actor: Actor
) -> ManualMode:
    """From now on people do the AI steps of this scope; what waits for another try, or for an answer, becomes a task at
    once.

    Raises PermissionDenied, ValidationError (no reason, an unknown provider), and Conflict saying who has switched it
    on already.
    """
    _require(actor, department, workflow)
    reason = require_reason(reason)
    _check_scope(department, workflow, provider)
    with transaction.atomic():
        mode = _insert(department, workflow, provider, reason, actor)
        hurried = _hurry(mode)
        _record("manual_mode.on", mode, actor, reason=Words(reason), hurried=hurried)
        transaction.on_commit(partial(_take_back, mode), robust=True)
    return mode


def switch_off(mode: ManualMode, *, actor: Actor, then: str = STAY) -> HandedBack:
    """AI steps ask the AI again. `then`: what waits and nobody has taken stays with the people, or goes back to the AI.

    Raises PermissionDenied, ValidationError, and Conflict when somebody was first.
    """
    if then not in THEN:
        raise ValidationError({"tasks": f"Say what becomes of the tasks: {' or '.join(THEN)}."})
    _require(actor, mode.department, mode.workflow)
    with transaction.atomic():
        changed = ManualMode.objects.filter(pk=mode.pk, off_at=None).update(off_at=Now(), off_by=actor.label[:254])
        mode.refresh_from_db()
        if not changed:
            raise Conflict(f"{mode.off_by} has switched manual mode off already.")
        _record("manual_mode.off", mode, actor, tasks=then, waiting=waiting_tasks(mode).count())
    return hand_back(mode, actor=actor) if then == BACK else HandedBack()


def waiting_tasks(mode: ManualMode) -> QuerySet[Task]:
    """Open tasks that are there only because of this manual mode, the oldest first."""
    rows = Task.objects.filter(kind=TaskKind.RESOLVE, status=TaskStatus.OPEN, why__code="manual_mode")
    rows = rows.filter(why__mode=str(mode.pk), department=mode.department_id)
    return rows.select_related("run__workflow", "run__version", "department", "step", "claimed_by").order_by(
        "created_at"
    )


def hand_back(mode: ManualMode, *, actor: Actor) -> HandedBack:
    """Let the machine do what still waits for a person because of this mode. Each is decided by itself: `again`.

    By the right to switch it, whoever is asked; what a colleague has taken stays with them.
    """
    _require(actor, mode.department, mode.workflow)
    if mode.off_at is None:
        raise Conflict("Manual mode is still on. Switch it off, then hand the tasks back.")
    tasks = list(waiting_tasks(mode))
    why_not = {task: _hand_back(task, actor) for task in tasks}
    why_not |= {task: _hand_back(task, actor) for task, why in why_not.items() if why == BUSY}
    refused = tuple((task, why) for task, why in why_not.items() if why)
    with transaction.atomic():
        _record("manual_mode.handed_back", mode, actor, tasks=len(tasks) - len(refused), kept=len(refused))
    return HandedBack(len(tasks) - len(refused), refused)


def may_switch(actor: Actor, department: Department, workflow: Workflow | None = None) -> bool:
    """Managers for all of the department; whoever may build, for a workflow."""
    return actor.may(Verb.MANAGE, department.pk) or (workflow is not None and actor.may(Verb.EDIT, department.pk))


def modes_on(actor: Actor) -> QuerySet[ManualMode]:
    """What is on in the departments of the actor, the latest first."""
    rows = visible(ManualMode.objects.filter(off_at=None), actor)
    return rows.select_related("department", "workflow").order_by("-on_at")


def scope_of(mode: ManualMode) -> str:
    """What it is on for, in words."""
    if mode.workflow is not None:
        return f"“{mode.workflow.name}”"
    return f"AI of {mode.provider} in {mode.department}" if mode.provider else str(mode.department)


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hand_back(task: Task, actor: Actor) -> str:
    """Why it could not be, or nothing. One run that is held up must not keep the others from going on."""
    try:
        decide(task, Said("again"), actor=actor, seen=Seen("many"), seat=Seat(None))
    except Conflict as error:
        return str(error)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return BUSY
        raise
    return ""


def _require(actor: Actor, department: Department, workflow: Workflow | None) -> None:
    if not may_switch(actor, department, workflow):
        require(actor, Verb.EDIT if workflow is not None else Verb.MANAGE, department)


def _check_scope(department: Department, workflow: Workflow | None, provider: str) -> None:
    if workflow is not None and provider:
        raise ValidationError({"provider": "Choose a workflow or a provider, not both."})
    if workflow is not None and workflow.department_id != department.pk:
        raise ValidationError({"workflow": f"“{workflow.name}” is no workflow of {department.name}."})
    if provider and not Provider.objects.filter(name=provider).exists():
        raise ValidationError({"provider": f"There is no provider of AI models called “{provider}”. Choose another."})


def _insert(department: Department, workflow: Workflow | None, provider: str, reason: str, actor: Actor) -> ManualMode:
    mode = ManualMode(
        department=department, workflow=workflow, provider=provider, reason=reason, on_by=actor.label[:254]
    )
    try:
        with transaction.atomic():
            mode.save(force_insert=True)
    except IntegrityError:
        raise Conflict(_on_already(mode)) from None
    mode.refresh_from_db()
    return mode


def _on_already(mode: ManualMode) -> str:
    known = ManualMode.objects.filter(department=mode.department, workflow=mode.workflow, provider=mode.provider)
    first = known.filter(off_at=None).first()
    if first is None:
        return "Somebody has switched manual mode on and off at this moment. Look at it again."
    when = f"{first.on_at:%d %B %Y, %H:%M} UTC"
    return f"{first.on_by} has switched manual mode on for {scope_of(first)} already, on {when}: {first.reason}"


def _hurry(mode: ManualMode) -> int:
    """AI steps that wait for another try are ready now, so that they become tasks; one statement, how many.

    A step that a person has handed back to the machine keeps its patience.
    """
    asking = [name for name, kind in kinds().items() if kind.asks_model]
    live = Run.objects.exclude(status__in=RUN_OVER).filter(pk=OuterRef("run_id"))
    if mode.workflow_id is not None:
        live = live.filter(workflow=mode.workflow_id)
    rows = StepRun.objects.filter(
        Exists(live), department_id=mode.department_id, kind__in=asking, status=StepStatus.READY, run_after__gt=Now()
    )
    if mode.provider:
        tried = Attempt.objects.filter(step=OuterRef("pk"), calls__contains=[{"provider": mode.provider}])
        put_off = Q(error__code__in=("budget", "breaker_open", "retry_budget", "unproved"))  # nobody was asked yet
        rows = rows.filter(Exists(tried) | put_off)
    return rows.exclude(inside__has_key="by_machine").update(run_after=Now(), handed_out_at=None)


def _take_back(mode: ManualMode) -> None:
    for step in taking_back.under_way(mode):
        taking_back.take_back(step)


def _record(verb: str, mode: ManualMode, actor: Actor, **detail: Any) -> None:
    thing = mode.workflow if mode.workflow is not None else mode.department
    record(verb, actor=actor, department=mode.department.slug, thing=thing, provider=mode.provider, **detail)
