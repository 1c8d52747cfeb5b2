"""The question that a step asks people, made of what the step says and of who there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.sdk import Ask, BadParams, Deadline, StepError, Whom
from connectors.sdk.leaving import ITSELF
from departments import hours, notices
from departments.models import Department, User
from workflows.engine import strict
from workflows.engine.definition import Helper, Node
from workflows.models import Assignee, Run, RunMode, Task, TaskKind, Why
from workflows.runtime.journey import Step
from workflows.runtime.kinds import kinds

LONGEST_QUESTION = 490
TOO_FAR = f"The time to answer is longer than {hours.LONGEST_WAIT_H:,} hours. Give a shorter one."
UNSAFE_DONE = frozenset({"outcome_unknown"})


def question(run: Run, step: Step, ask: Ask, now: datetime) -> Task:
    """The row, not yet saved. Raises BadParams when whoever is named is not in the department.

    In a test run who tests is asked, whoever it would be otherwise.
    """
    stages: list[dict[str, Any]] = [{"people": [run.starter_id], "group": "", "role": "", "needs": 1}]
    is_live = not _is_mine(run)
    if is_live:
        stages = [resolved(run, whom) for whom in ask.whom]
    deadline = ask.deadline if is_live else None
    task = Task(
        department_id=run.department_id,
        run_id=run.pk,
        step_id=step.id,
        kind=ask.kind,
        question=strict.legible(ask.question, LONGEST_QUESTION),
        draft=ask.draft,
        shown=dict(ask.shown),
        options=list(ask.options),
        form=dict(ask.form) if ask.form is not None else None,
        known=dict(ask.known),
        stages=stages,
        not_the_starter=ask.not_the_starter and is_live,
        not_the_author=ask.not_the_author and is_live,
        sends=step.step_id if ask.sends == ITSELF else ask.sends,
        deadline=_kept(run, deadline) if deadline else None,
        at_end=_at_end(run, deadline) if deadline else {},
    )
    begin_stage(task, now)
    return task


def instead(run: Run, step: Step, node: Node, why: Mapping[str, Any], now: datetime) -> Task:
    """A person carries on where the step cannot: its form is what the step gives."""
    kind = kinds()[node.kind]
    ask = Ask(
        kind=TaskKind.RESOLVE,
        question=f"Carry on by hand: {node.title or kind.title}",
        whom=(_helper(run, node.helper),),
        form=kind.output_form(node.given) if kind.by_hand else None,
        known=step.output if isinstance(step.output, dict) else {},
        deadline=Deadline(node.helper.due_hours) if node.helper and node.helper.due_hours else None,
    )
    task = question(run, step, ask, now)
    task.why = dict(why)
    return task


def _helper(run: Run, helper: Helper | None) -> Whom:
    """Whom the step names; else who started the run, if that is a member; else the operators.

    Where whoever is named has left since, somebody else has to hear of it all the same.
    """
    if helper is not None and (helper.person or helper.group or helper.role):
        named = Whom((helper.person,) if helper.person else (), helper.group, helper.role)
        with suppress(BadParams):
            resolved(run, named)
            return named
    starter = _members(run).filter(pk=run.starter_id).first() if run.starter_kind == "person" else None
    return Whom((starter.email,)) if starter else Whom(role="operator")


def end_open(**where: Any) -> None:
    """Nobody needs to answer these any more, and who has not heard of them yet never does. Their run is locked."""
    ids = list(Task.objects.filter(status="open", **where).values_list("pk", flat=True))
    if ids:
        Task.objects.filter(pk__in=ids).update(status="cancelled", next_at=None)
        notices.withdraw(ids)


def begin_stage(task: Task, now: datetime) -> None:
    """Those of the task's stage are asked from now on: nobody has taken it, and their time begins. Does not save.

    Raises BadParams when the department never works.
    """
    asked = task.stages[task.stage]
    task.role, task.needs = asked["role"], needed(asked)
    task.person_id = UUID(asked["people"][0]) if len(asked["people"]) == 1 else None
    task.claimed_by = task.claimed_at = None
    set_clock(task, now)


def assignees(task: Task, whom: Mapping[str, Any] | None = None, why: str = Why.ASKED) -> list[Assignee]:
    """Who is asked in the task's stage, not yet saved."""
    asked = whom if whom is not None else task.stages[task.stage]
    if asked["people"]:
        return [Assignee(task=task, stage=task.stage, person_id=id, why=why) for id in asked["people"]]
    return [Assignee(task=task, stage=task.stage, group=asked["group"], role=asked["role"], why=why)]


def needed(stage: Mapping[str, Any]) -> int:
    """How many have to agree; 0 stands for everyone who is named."""
    return int(stage["needs"]) or max(1, len(stage["people"]))


def resolved(run: Run, whom: Whom) -> dict[str, Any]:
    """Names become ids. Raises BadParams for somebody who is not there, or for more voices than there are people."""
    people = list(dict.fromkeys(str(member(run, name).pk) for name in whom.people))
    if people and whom.needs > len(people):
        raise BadParams(
            f"{whom.needs} have to agree, but only {len(people)} are named. Name more people, or ask fewer."
        )
    group = "" if people else whom.group
    if group and not _group_has_members(run.department_id, group):
        raise BadParams(f"“{strict.legible(group, 60)}” is no group of {run.department.name} with anybody in it.")
    return {"people": people, "group": group, "role": "" if people or group else whom.role, "needs": whom.needs}


def member(run: Run, email: str) -> User:
    found = _members(run).filter(email__iexact=email.strip()).first()
    if found is None:
        raise BadParams(
            f"“{strict.legible(email, 100)}” is nobody in {run.department.name}. Name a member of the department."
        )
    return found


def _members(run: Run) -> Any:
    return User.objects.filter(is_active=True, memberships__department_id=run.department_id)


def _group_has_members(department_id: UUID, slug: str) -> bool:
    return User.objects.filter(is_active=True, member_of__department=department_id, member_of__slug=slug).exists()


def _is_mine(run: Run) -> bool:
    return run.mode != RunMode.LIVE and run.starter_kind == "person"


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────────


def set_clock(task: Task, now: datetime) -> None:
    """What the clock will do in the stage that begins now, the first thing (telling those who are asked) at once.

    Each stage has the whole time: it is counted from when the stage is asked. Raises BadParams.
    """
    moments: list[dict[str, Any]] = [{"at": now, "do": "tell"}]
    given, task.due_at = task.deadline, None
    if given is not None:
        task.due_at = _after(task, given["hours"], now)
        if given["remind"] is not None and given["remind"] < given["hours"]:
            moments.append({"at": _after(task, given["hours"] - given["remind"], now), "do": "remind"})
        for one in given["escalate"]:
            moments.append({"at": _after(task, one["after"], now), "do": "escalate", "whom": one["whom"]})
        moments.append({"at": task.due_at, "do": "end"})
    set_moments(task, moments)


def set_moments(task: Task, moments: Iterable[Mapping[str, Any]]) -> None:
    """Keep these, the earliest first; `at` is a datetime or what it was written as."""
    told = [{**moment, "at": _written(moment["at"])} for moment in moments]
    task.moments = sorted(told, key=lambda moment: datetime.fromisoformat(moment["at"]))
    task.next_at = datetime.fromisoformat(task.moments[0]["at"]) if task.moments else None


def _written(at: datetime | str) -> str:
    return at if isinstance(at, str) else at.isoformat()


def _after(task: Task, spent: float, now: datetime) -> datetime:
    """The moment when so many hours of the task's deadline have passed. Raises BadParams."""
    if spent > hours.LONGEST_WAIT_H:
        raise BadParams(TOO_FAR)
    if task.deadline is None or not task.deadline["working"]:
        return now + timedelta(hours=spent)
    department = Department.objects.get(pk=task.department_id)
    try:
        return hours.calendar_of(department).after(now, spent)
    except hours.NoWorkingHours:
        raise BadParams(
            f"{department.name} has no working hours. Its manager sets them on the page of the department."
        ) from None


def _kept(run: Run, deadline: Deadline) -> dict[str, Any]:
    """As the task keeps it, with the ids of people."""
    return {
        "hours": deadline.hours,
        "working": deadline.working,
        "remind": deadline.remind,
        "escalate": [{"after": after, "whom": resolved(run, whom)} for after, whom in deadline.escalate],
    }


def _at_end(run: Run, deadline: Deadline) -> dict[str, Any]:
    if deadline.at_end == "hand_on" and deadline.hand_on is not None:
        return {"do": "hand_on", "whom": resolved(run, deadline.hand_on)}
    return {"do": deadline.at_end, "answer": dict(deadline.answer)}


def described(error: StepError) -> dict[str, str]:
    return {"code": error.code, "message": strict.legible(error.message)}
