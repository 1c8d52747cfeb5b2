"""What time does to open tasks: those who are asked are told and reminded, others are asked as well, and it ends.

Each moment is done under the locks of the run and the task, which a decision takes in the same order, and leaves the
row in that transaction: of a decision and the clock one is first, and the other finds nothing left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit import sql
from audit.people import named
from audit.services import record
from departments.access import SYSTEM
from departments.notices import notify, withdraw
from workflows.models import Assignee, Decision, RunMode, Task, TaskStatus, Why
from workflows.models.states import REFUSALS
from workflows.runtime import limits, store, tasks
from workflows.services import leaving
from workflows.services.deciders import one_asked
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.task_answers import Said, checked
from workflows.services.task_mail import mail_about, moment_of
from workflows.services.tasks import end_for_time, next_stage, voice
from workflows.services.telling import people_of

log = logging.getLogger(__name__)
AGAIN: Final = timedelta(minutes=1)
"""When a task is looked at again whose moment could not be done, so that it never keeps the others waiting."""

IN_TIME: Final = "Nobody answered in time."


def strike() -> int:
    """Do what is due, of each task the earliest; how many were done. A part of the scheduler's sweep."""
    found = sql.rows(_DUE, [limits.SWEEP_BATCH])
    return sum(_try(*row) for row in found)


def _try(task_id: UUID, run_id: UUID) -> bool:
    try:
        with transaction.atomic():
            return _strike(task_id, run_id)
    except Exception:
        log.exception("clock.failed: the task %s is looked at again in a minute", task_id)
        Task.objects.filter(pk=task_id, status=TaskStatus.OPEN).update(next_at=Now() + AGAIN)
        return False


def _strike(task_id: UUID, run_id: UUID) -> bool:
    run = store.lock_run(run_id, wait=False)
    if run is None or (task := _locked_due(task_id)) is None:
        return False
    task.run = run
    moment, now = task.moments[0], store.clock()
    DEEDS[moment["do"]](task, moment, now)
    return True


def _locked_due(task_id: UUID) -> Task | None:
    """With its department; None when it is decided, not due any more, or in the hands of somebody else."""
    rows = Task.objects.select_related("department", "step").select_for_update(of=("self",), skip_locked=True)
    return rows.filter(pk=task_id, status=TaskStatus.OPEN, next_at__lte=store.clock()).first()


def _move_on(task: Task) -> None:
    tasks.set_moments(task, task.moments[1:])
    task.save(update_fields=["moments", "next_at"])


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(task: Task, moment: Mapping[str, Any], now: datetime) -> None:
    _notify(task, _asked_now(task), "tell", now)
    _move_on(task)


def _remind(task: Task, moment: Mapping[str, Any], now: datetime) -> None:
    """Once the time is over nothing is left to remind of: what happens then comes next."""
    if task.due_at is not None and task.due_at > now:
        _notify(task, _asked_now(task), "remind", now)
    _move_on(task)


def _escalate(task: Task, moment: Mapping[str, Any], now: datetime) -> None:
    """Others are asked as well; who is asked already is not asked twice."""
    already = {(row.person_id, row.group, row.role) for row in _asked_now(task)}
    wanted = tasks.assignees(task, moment["whom"], Why.ESCALATED)
    # Ids of people come from JSON here, and as UUIDs from the table.
    fresh = [row for row in wanted if (_id(row.person_id), row.group, row.role) not in already]
    Assignee.objects.bulk_create(fresh)
    _notify(task, fresh, "escalate", now)
    _move_on(task)
    if fresh:
        _record("task.escalated", task, to=_named(task, fresh))


def _notify(task: Task, rows: Iterable[Assignee], deed: str, now: datetime) -> None:
    """The assignee in the key tells two askings of the same person apart; what is tried out is nobody's mail."""
    if task.run.mode != RunMode.LIVE:
        return
    for told in people_of(task, rows, now):
        mail = mail_about(task, told, deed, now)
        notify(
            told.person,
            key=f"task.{task.pk}.{task.stage}.{deed}.{told.asked.pk}.{told.person.pk}",
            kind="task",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            department=task.department,
            digest_line=mail.line,
            about=task.pk,
        )


def _asked_now(task: Task) -> list[Assignee]:
    return list(task.assignees.filter(stage=task.stage, until=None).select_related("person"))


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _end(task: Task, moment: Mapping[str, Any], now: datetime) -> None:
    match task.at_end.get("do", "wait"):
        case "fail":
            _fail(task)
        case "answer":
            _answer(task, now)
        case "hand_on":
            _hand_on(task, now)
        case _:
            _move_on(task)


def _fail(task: Task, more: str = "") -> None:
    due = f": it was due on {moment_of(task, task.due_at)}" if task.due_at else ""
    message = f"Nobody answered “{task.question}” in time{due}.{more}"
    end_for_time(task, task.run, {"decision": "reject", "reason": IN_TIME, "by": SYSTEM.label}, unanswered=message)
    _record("task.expired", task, then="the step fails")


def _answer(task: Task, now: datetime) -> None:
    """The answer of the step counts for those who were asked; those after them are asked all the same."""
    try:
        answer = _default_answer(task)
        shown = leaving.shown(task, answer)
    except (ValidationError, Conflict) as refused:
        why = " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)
        _fail(task, f" The answer that the step gives then cannot be taken: {why}")
        return
    _vote(task, answer, shown.sha256, now)
    _record("task.expired", task, then="the answer of the step counts", decision=answer["decision"])
    if answer["decision"] not in REFUSALS and task.stage + 1 < len(task.stages):
        next_stage(task)
    else:
        end_for_time(task, task.run, {**answer, **shown.answer})


def _default_answer(task: Task) -> dict[str, Any]:
    """Raises ValidationError when the task does not take it: a field may be empty that has to be filled in."""
    given: Mapping[str, Any] = task.at_end["answer"]
    said = Said(given["decision"], reason=IN_TIME, values=given.get("values") or {}, option=given.get("option"))
    answer = {**checked(task, said), "by": SYSTEM.label}
    return {**answer, "text": task.current} if answer["decision"] == "approve" else answer


def _vote(task: Task, answer: dict[str, Any], sha256: str, now: datetime) -> None:
    """No verdict: that nobody answered says nothing about the draft."""
    Decision.objects.create(
        **voice(task, answer, now),
        by_kind=SYSTEM.kind,
        by_id="time",
        by_label=SYSTEM.label,
        via="time",
        seen_sha256=sha256,
    )


def _hand_on(task: Task, now: datetime) -> None:
    """Others take over, with the whole time once more; when that is over too, the task counts as overdue."""
    before = _asked_now(task)
    withdraw([task.pk])
    task.assignees.filter(stage=task.stage, until=None).update(until=Now())
    task.stages[task.stage] = task.at_end["whom"]
    task.at_end = {"do": "wait"}
    if task.deadline is not None:
        task.deadline = {**task.deadline, "escalate": []}
    tasks.begin_stage(task, now)
    task.save()
    rows = Assignee.objects.bulk_create(tasks.assignees(task, why=Why.HANDED_ON))
    _record("task.handed_on", task, to=_named(task, rows), instead_of=_named(task, before))


def _named(task: Task, rows: Iterable[Assignee]) -> list[Any]:
    """People by their ids, groups and roles in words."""
    found = [named(row.person) if row.person is not None else one_asked(task, row) for row in rows]
    return [each for place, each in enumerate(found) if each not in found[:place]]


def _id(written: object) -> UUID | None:
    return UUID(str(written)) if written else None


def _record(verb: str, task: Task, **detail: Any) -> None:
    record(verb, actor=SYSTEM, department=task.department.slug, thing=task, run_id=task.run_id, **detail)


DEEDS: Final[Mapping[str, Callable[[Task, Mapping[str, Any], datetime], None]]] = {
    "tell": _tell,
    "remind": _remind,
    "escalate": _escalate,
    "end": _end,
}

# A volatile function cannot be looked up in an index, so the time is taken by a subselect.
_DUE = """
SELECT id, run_id FROM workflows_task
WHERE status = 'open' AND next_at <= (SELECT clock_timestamp()) ORDER BY next_at LIMIT %s
"""
