"""Deciding what a run asks."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from audit.services import record
from departments.access import Actor, visible
from departments.models import Role
from workflows.engine import strict
from workflows.models import Run, RunStatus, StepRun, StepStatus, Task, TaskStatus
from workflows.runtime import queue
from workflows.runtime.faults import fault_point
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError

DECISIONS = ("approve", "reject")
LONGEST_TEXT = 100_000


def decide_task(task: Task, *, actor: Actor, decision: str, text: str = "", reason: str = "") -> Task:
    """Answer the question once. `text` is the final text of a review; a rejection needs a reason.

    Raises ValidationError, PermissionDenied, and Conflict naming who was first.
    """
    require_decider(task, actor)
    _check(task, decision, text, reason)
    answer = {"decision": decision, "text": text, "reason": reason.strip(), "by": actor.label}
    with transaction.atomic():
        # Run, steps, tasks: whoever ends a run takes the locks in this order, too.
        run = Run.objects.select_for_update(no_key=True).get(pk=task.run_id)
        _decide_once(task, actor, answer)
        if not _wake(task, answer):
            raise Conflict("The run no longer waits for this decision.")
        Run.objects.filter(pk=run.pk, status=RunStatus.WAITING).update(status=RunStatus.RUNNING)
        record(
            "task.decided",
            actor=actor,
            department=task.department.slug,
            thing=task,
            run_id=task.run_id,
            **_ledger(task, answer),
        )
        transaction.on_commit(lambda: fault_point("approval_committed_before_publish"))
        queue.hand_out("step", [task.step_id], run.priority)
    task.refresh_from_db()
    return task


def may_decide(task: Task, actor: Actor) -> bool:
    """Whether the question is the actor's: the person named, or the role asked; never the starter if so said."""
    if actor.kind == "system":
        return True
    if task.not_the_starter and actor.kind == task.run.starter_kind and actor.id == task.run.starter_id:
        return False
    if task.person_id is not None:
        return actor.kind == "person" and str(task.person_id) == actor.id
    held = actor.roles.get(task.department_id, frozenset())
    return task.role in held or Role.MANAGER in held


def require_decider(task: Task, actor: Actor) -> None:
    """Raises PermissionDenied saying why."""
    if may_decide(task, actor):
        return
    if task.not_the_starter and actor.id == task.run.starter_id:
        raise PermissionDenied("You started this run, so somebody else has to decide.")
    whom = task.person.name if task.person else f"{Role(task.role).label} of {task.department.name}"
    raise PermissionDenied(f"This question is for {whom}.")


def tasks_for(actor: Actor) -> QuerySet[Task]:
    """The open questions that the actor may answer, the most urgent first."""
    rows = visible(Task.objects.filter(status=TaskStatus.OPEN), actor)
    if actor.kind == "system":
        return rows
    mine = Q(pk__in=[])
    for department_id, held in actor.roles.items():
        asked = Q() if Role.MANAGER in held else Q(role__in=held)
        mine |= Q(department_id=department_id, person=None) & asked
    if actor.kind == "person":
        mine |= Q(person_id=actor.id)
    return rows.filter(mine).exclude(not_the_starter=True, run__starter_kind=actor.kind, run__starter_id=actor.id)


def _check(task: Task, decision: str, text: str, reason: str) -> None:
    if decision not in DECISIONS:
        raise ValidationError({"decision": f"A decision is one of {', '.join(DECISIONS)}."})
    if decision == "reject" and not reason.strip():
        raise ValidationError({"reason": "Say why, so that the person who asked can put it right."})
    if max(len(text), len(reason)) > LONGEST_TEXT:
        raise ValidationError({"text": f"At most {LONGEST_TEXT:,} characters are allowed."})
    for name, value in (("text", text), ("reason", reason)):
        try:
            strict.check_text(value, name)
        except strict.NotStrict as error:
            raise ValidationError({name: str(error)}) from None


def _decide_once(task: Task, actor: Actor, answer: dict[str, Any]) -> None:
    changed = Task.objects.filter(pk=task.pk, status=TaskStatus.OPEN).update(
        status=TaskStatus.DECIDED,
        answer=answer,
        decided_at=Now(),
        decided_by_id=actor.id if actor.kind == "person" else None,
        decided_by_label=actor.label,
    )
    if not changed:
        task.refresh_from_db()
        raise Conflict(_too_late(task))


def _too_late(task: Task) -> str:
    if task.status == TaskStatus.CANCELLED:
        return "The run was ended before this was decided, so nothing is left to decide."
    done = {"approve": "approved", "reject": "rejected"}.get((task.answer or {}).get("decision", ""), "decided")
    return f"{task.decided_by_label} has {done} this already."


def _wake(task: Task, answer: dict[str, Any]) -> int:
    return StepRun.objects.filter(pk=task.step_id, status=StepStatus.WAITING).update(
        status=StepStatus.READY,
        signal={"kind": "decided", "answer": answer},
        waits_for="",
        run_after=Now(),
        handed_out_at=Now(),
    )


def _ledger(task: Task, answer: dict[str, Any]) -> dict[str, Any]:
    """What the ledger keeps of a decision: that the draft was changed, not the text itself (rule A10)."""
    edited = task.kind == "review" and bool(answer["text"]) and answer["text"] != task.draft
    return {"decision": answer["decision"], "reason": answer["reason"][:500], "edited": edited}
