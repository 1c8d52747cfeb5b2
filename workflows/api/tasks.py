"""Tasks: what runs ask of people, and answering it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpResponse
from rest_framework.request import Request

from departments.access import Actor, visible
from departments.models import User
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.models import Task, TaskStatus
from workflows.services import leaving
from workflows.services.handing_over import delegate_task, release_task, require_may_hand_over
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.stages import asking
from workflows.services.tasks import Said, Seen, decide, tasks_for

AROUND = ("run__workflow", "run__version", "department", "step", "person", "claimed_by")
UNREAD = (
    *("run__inputs", "run__output", "run__scope", "run__workflow__draft", "run__workflow__sample"),
    *("run__version__definition", "step__inside", "step__output", "step__signal"),
)


def _rows() -> QuerySet[Task]:
    return Task.objects.select_related(*AROUND).defer(*UNREAD)


class Tasks(Endpoint):
    @operation("list_tasks", "List tasks", answer=answers.page_of(answers.TaskLine), question=asked.TasksQuestion)
    def get(self, request: Request) -> HttpResponse:
        rows = _filtered(visible(_rows(), self.actor), self.question(asked.TasksQuestion))
        if self.question(asked.TasksQuestion).mine:
            rows = rows.filter(pk__in=tasks_for(self.actor).order_by().values("pk"))
        return page(request, rows, answers.TaskLine, answers.TaskLine.of)


class OfTask(Endpoint):
    def task(self, id: str) -> Task:
        return self.find(_rows(), id)

    def read(self, task: Task) -> HttpResponse:
        return answer(answers.Task.whole(task, asking(task), _leaving(task, self.actor)))


class One(OfTask):
    @operation("read_task", "Read a task", answer=answers.Task, tagged=True)
    def get(self, request: Request, id: str) -> HttpResponse:
        """With who is asked stage by stage, each voice so far, and what will leave if it is approved as it stands."""
        return self.read(self.task(id))


class Decide(OfTask):
    @operation("decide_task", "Answer a task", answer=answers.Task, body=asked.Decision, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Once: 409 names who was first. 403 when the question is not for this token."""
        task = self.task(id)
        body = self.body(asked.Decision)
        said = Said(body.decision, body.text, body.reason, body.values, body.option)
        decide(task, said, actor=self.actor, seen=Seen("api", body.seen_sha256))
        return self.read(task)


class Release(OfTask):
    @operation("release_task", "Give a task back", answer=answers.Task, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Everybody who is asked may decide it again. For a manager, of what a person has taken."""
        task = self.task(id)
        self.body(asked.Nothing)
        return self.read(release_task(task, actor=self.actor))


class Delegate(OfTask):
    @operation("delegate_task", "Hand a task over", answer=answers.Task, body=asked.Delegation, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """To a member of the department who is allowed to decide it, with a reason that they read."""
        task = self.task(id)
        require_may_hand_over(task, self.actor)
        body = self.body(asked.Delegation)
        delegate_task(task, to=_member(task, body.to), reason=body.reason, actor=self.actor)
        return self.read(task)


def _member(task: Task, email: str) -> User:
    people = User.objects.filter(is_active=True, memberships__department=task.department_id)
    if (found := people.filter(email__iexact=email.strip()).first()) is None:
        raise ValidationError({"to": f"This is the address of nobody in {task.department.name}."})
    return found


def _leaving(task: Task, actor: Actor) -> dict[str, Any]:
    """What leaves if this actor approves the task as it stands; of one that is over, what was approved."""
    if task.status != TaskStatus.OPEN:
        return {"leaving": task.leaving, "leaving_problem": None, "shown_sha256": None}
    try:
        seen = leaving.shown(task, {"decision": "approve", "text": task.current, "reason": "", "by": actor.label})
    except Conflict as error:
        return {"leaving": None, "leaving_problem": str(error), "shown_sha256": None}
    sent = seen.leaving.data() if seen.leaving is not None else None
    return {"leaving": sent, "leaving_problem": None, "shown_sha256": seen.sha256}


def _filtered(rows: QuerySet[Task], question: asked.TasksQuestion) -> QuerySet[Task]:
    if question.status is not None:
        rows = rows.filter(status=question.status)
    if question.kind is not None:
        rows = rows.filter(kind=question.kind)
    if question.run:
        rows = rows.filter(run=identifier(question.run)) if identifier(question.run) else rows.none()
    if question.workflow:
        known = identifier(question.workflow)
        of_workflow = {"run__workflow": known} if known else {"run__workflow__slug": question.workflow}
        rows = rows.filter(**of_workflow)
    if question.created_after is not None:
        rows = rows.filter(created_at__gt=question.created_after)
    if question.overdue:
        rows = rows.filter(status=TaskStatus.OPEN, due_at__lt=Now())
    return rows
