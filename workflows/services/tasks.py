"""Deciding what a run asks: each voice is kept, and the last one that was needed wakes the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.payloads import Words
from audit.people import named
from audit.services import record
from connectors.sdk import BadParams
from departments import notices
from departments.access import Actor
from workflows.models import Assignee, Decision, Run, RunStatus, StepRun, StepStatus, Task, TaskKind, TaskStatus
from workflows.models.states import REFUSALS
from workflows.runtime import queue, store, tasks
from workflows.runtime.faults import fault_point
from workflows.services import leaving
from workflows.services.deciders import Seat, may_decide, require_decider, tasks_for
from workflows.services.measuring import drafter, looked_s, measured
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.task_answers import Said, checked, decisions_of

DECISIONS = tuple(dict.fromkeys(said for kind in TaskKind for said in kind.decisions))

__all__ = [
    "DECISIONS",
    "Said",
    "Seen",
    "decide",
    "decide_task",
    "decisions_of",
    "may_decide",
    "require_decider",
    "tasks_for",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """How the question was looked at: by which way (page, many, mail, api), the digest of what was shown where it was
    shown, and for how many seconds.
    """

    via: str = "page"
    sha256: str = ""
    visible_s: float | None = None


def decide_task(
    task: Task,
    *,
    actor: Actor,
    decision: str,
    text: str = "",
    reason: str = "",
    values: Mapping[str, Any] | None = None,
    option: int | None = None,
    seen: Seen = Seen(),
) -> Task:
    """As `decide`, from plain values."""
    return decide(task, Said(decision, text, reason, values or {}, option), actor=actor, seen=seen)


def decide(task: Task, said: Said, *, actor: Actor, seen: Seen = Seen(), seat: Seat | None = None) -> Task:
    """Answer the question once. A refusal needs a reason. `seat` is given by whoever has asked for another right.

    Raises ValidationError keyed by field, PermissionDenied, and Conflict naming who was first, or what has changed.
    """
    seat = seat or require_decider(task, actor)
    answer = {**checked(task, said), "by": actor.label}
    if task.kind == TaskKind.REVIEW and not answer["text"]:
        answer["text"] = task.current
    shown = leaving.shown(task, answer)
    if seen.sha256 and seen.sha256 != shown.sha256:
        raise Conflict("What would be sent has changed since you looked at it. Look at it again, then decide.")
    with transaction.atomic():
        # Run, steps, tasks: whoever ends a run takes the locks in this order, too.
        run = Run.objects.select_for_update(no_key=True).get(pk=task.run_id)
        locked = _locked_open(task)
        if locked.stage != task.stage:
            raise Conflict("This question has gone on to others meanwhile. Load the page again.")
        if (sentence := taken_by_another(locked, actor)) != "":
            raise Conflict(sentence)
        now = store.clock()
        _vote(locked, answer, actor, seat, seen, shown.sha256, now)
        _go_on(locked, answer, run, shown)
        _record(locked, answer, actor, seat, shown.sha256)
    task.refresh_from_db()
    return task


def end_for_time(task: Task, run: Run, answer: Mapping[str, Any], *, unanswered: str = "") -> None:
    """The time is over, and this is what counts then. The run and the task are locked.

    `unanswered`: the step fails with this sentence, whatever its kind makes of the answer.
    """
    given = {"text": "", "reason": "", **answer}
    _close(task, given, run, status=TaskStatus.EXPIRED, unanswered=unanswered)


def _locked_open(task: Task) -> Task:
    row = Task.objects.select_for_update().filter(pk=task.pk).first()
    if row is None or row.status != TaskStatus.OPEN:
        task.refresh_from_db()
        raise Conflict(too_late(task))
    row.run, row.step, row.department = task.run, task.step, task.department
    return row


def taken_by_another(task: Task, actor: Actor) -> str:
    """Who has taken it decides it, until they or a manager give it back; of several voices each counts anyway."""
    taken = task.claimed_by
    if taken is None or task.needs != 1 or str(taken.pk) == actor.id:
        return ""
    return f"{taken} has taken this task. Ask them to decide it or to give it back."


def _vote(task: Task, answer: dict[str, Any], actor: Actor, seat: Seat, seen: Seen, sha256: str, now: datetime) -> None:
    result, (writer, model) = measured(task, answer), drafter(task)
    person_id = actor.id if actor.kind == "person" else None
    try:
        with transaction.atomic():
            Decision.objects.create(
                **voice(task, answer, now),
                person_id=person_id,
                by_kind=actor.kind,
                by_id=actor.id,
                by_label=actor.label,
                in_place_of=seat.in_place_of,
                via=seen.via,
                seen_sha256=sha256,
                verdict=result.verdict,
                drafted_by=writer,
                model=model,
                words=result.words,
                words_changed=result.words_changed,
                look_s=looked_s(task, person_id, seen.visible_s, now),
            )
    except IntegrityError:
        raise Conflict("You have answered this already; it waits for others.") from None


def voice(task: Task, answer: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What a `Decision` says of the question and the answer, whoever gave it."""
    return {
        "task": task,
        "department_id": task.department_id,
        "workflow_id": task.run.workflow_id,
        "version_id": task.run.version_id,
        "stage": task.stage,
        "decision": answer["decision"],
        "answer": answer,
        "reason": answer["reason"],
        "step_id": task.step.step_id,
        "open_s": (now - task.created_at).total_seconds(),
    }


def _go_on(task: Task, answer: dict[str, Any], run: Run, shown: leaving.Shown) -> None:
    """One refusal ends it; else it waits for the voices that are still needed, then for the next stage."""
    if task.kind != TaskKind.RESOLVE and answer["decision"] not in REFUSALS:
        agreed = list(Decision.objects.filter(task=task, stage=task.stage).values_list("person_id", flat=True))
        if answer.get("text") and task.kind == TaskKind.REVIEW:
            task.text = answer["text"]
        if len(agreed) < task.needs:
            notices.withdraw([task.pk], people=[person for person in agreed if person])
            task.claimed_by = task.claimed_at = None
            task.save(update_fields=["text", "claimed_by", "claimed_at"])
            return
        if task.stage + 1 < len(task.stages):
            next_stage(task)
            return
    _close(task, {**answer, **shown.answer}, run)


def next_stage(task: Task) -> None:
    """Those after them are asked, with the whole time of the deadline. The task is locked. Raises Conflict."""
    notices.withdraw([task.pk])
    task.stage += 1
    try:
        tasks.begin_stage(task, store.clock())
    except BadParams as error:
        raise Conflict(f"The next people cannot be asked: {error}") from None
    task.save()
    Assignee.objects.bulk_create(tasks.assignees(task))


def _close(
    task: Task, answer: dict[str, Any], run: Run, *, status: str = TaskStatus.DECIDED, unanswered: str = ""
) -> None:
    notices.withdraw([task.pk])
    last = Decision.objects.filter(task=task).order_by("-at").first()
    Task.objects.filter(pk=task.pk).update(
        status=status,
        answer=answer,
        decided_at=Now(),
        decided_by_id=last.person_id if last and status == TaskStatus.DECIDED else None,
        decided_by_label=answer.get("by", ""),
        leaving=answer.get("leaving"),
        claimed_by=None,
        next_at=None,
    )
    signal = {"kind": "resolved" if task.kind == TaskKind.RESOLVE else "decided"}
    if unanswered:
        signal = {"kind": "unanswered", "message": unanswered}
    if not _wake(task, {**signal, "answer": {name: each for name, each in answer.items() if name != "leaving"}}):
        raise Conflict("The run no longer waits for this decision.")
    Run.objects.filter(pk=run.pk, status=RunStatus.WAITING).update(status=RunStatus.RUNNING)
    transaction.on_commit(lambda: fault_point("approval_committed_before_publish"))
    queue.hand_out("step", [task.step_id], run.priority)


def _wake(task: Task, signal: dict[str, Any]) -> int:
    """A parked step is woken too: somebody has looked at the other side, and says what is to become of it."""
    asleep = StepRun.objects.filter(pk=task.step_id, status__in=[StepStatus.WAITING, StepStatus.PARKED])
    return asleep.update(
        status=StepStatus.READY,
        signal=signal,
        waits_for="",
        run_after=Now(),
        handed_out_at=Now(),
        claims=0,
        intent_at=None,
    )


def too_late(task: Task) -> str:
    if task.status == TaskStatus.CANCELLED:
        return "The run was ended before this was decided, so nothing is left to decide."
    if task.status == TaskStatus.EXPIRED:
        return "The time to decide is over, and the workflow has gone on as it says for that case."
    done = DONE.get((task.answer or {}).get("decision", ""), "decided")
    return f"{task.decided_by_label} has {done} this already."


DONE: Mapping[str, str] = {
    "approve": "approved",
    "reject": "rejected",
    "send_back": "sent back",
    "answer": "answered",
    "choose": "answered",
    "done": "answered",
    "again": "begun again",
    "skip": "skipped",
    "stop": "stopped",
}


def _record(task: Task, answer: dict[str, Any], actor: Actor, seat: Seat, sha256: str) -> None:
    """What the ledger keeps of a decision: that the draft was changed, not the text itself (rule A10)."""
    edited = bool(task.draft) and bool(answer["text"]) and answer["text"] != task.draft
    detail = {"decision": answer["decision"], "reason": Words(answer["reason"][:500]), "edited": edited}
    more: dict[str, Any] = {"stage": task.stage + 1, "in_place_of": named(seat.absent), "seen_sha256": sha256}
    record(
        "task.decided",
        actor=actor,
        department=task.department.slug,
        thing=task,
        run_id=task.run_id,
        **detail,
        **{name: value for name, value in more.items() if value},
    )


def require_open(task: Task) -> None:
    """Raises Conflict for a task that is over."""
    if task.status != TaskStatus.OPEN:
        raise Conflict(too_late(task))


def require_reason(reason: str) -> str:
    """Raises ValidationError for an empty one."""
    if not reason.strip():
        raise ValidationError({"reason": "Say why, so that the others understand it."})
    return reason.strip()[:500]
