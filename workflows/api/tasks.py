"""Tasks: what runs ask of people, and answering it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from departments.access import visible
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.models import Task
from workflows.services.tasks import Said, Seen, decide, tasks_for

AROUND = ("run__workflow", "run__version", "department", "step", "person")
UNREAD = (
    *("run__inputs", "run__output", "run__scope", "run__workflow__draft", "run__workflow__sample"),
    *("run__version__definition", "step__inside", "step__output", "step__signal"),
)


def _rows() -> QuerySet[Task]:
    return Task.objects.select_related(*AROUND).defer(*UNREAD)


class Tasks(Endpoint):
    @operation("list_tasks", "List tasks", answer=answers.page_of(answers.Task), question=asked.TasksQuestion)
    def get(self, request: Request) -> HttpResponse:
        rows = _filtered(visible(_rows(), self.actor), self.question(asked.TasksQuestion))
        if self.question(asked.TasksQuestion).mine:
            rows = rows.filter(pk__in=tasks_for(self.actor).values("pk"))
        return page(request, rows, answers.Task, answers.Task.of)


class One(Endpoint):
    @operation("read_task", "Read a task", answer=answers.Task)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(answers.Task.of(self.find(_rows(), id)))


class Decide(Endpoint):
    @operation("decide_task", "Answer a task", answer=answers.Task, body=asked.Decision, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Once: 409 names who was first. 403 when the question is not for this token."""
        task = self.find(_rows(), id)
        body = self.body(asked.Decision)
        said = Said(body.decision, body.text, body.reason, body.values, body.option)
        decide(task, said, actor=self.actor, seen=Seen("api", body.seen_sha256))
        return answer(answers.Task.of(task))


def _filtered(rows: QuerySet[Task], question: asked.TasksQuestion) -> QuerySet[Task]:
    if question.status is not None:
        rows = rows.filter(status=question.status)
    if question.run:
        rows = rows.filter(run=identifier(question.run)) if identifier(question.run) else rows.none()
    return rows
