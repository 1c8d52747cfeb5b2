"""The inbox: tasks by whom they are asked of, filtered and searched, piece by piece, the most urgent first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from departments.access import Actor, visible
from departments.models import Department
from workflows.models import BudgetQuestion, Task, TaskKind, TaskStatus, Workflow
from workflows.pages.page import PAGE_SIZE, Request, identifier, page, words
from workflows.pages.question import decided_tone, decided_words
from workflows.services import budget_questions, inbox
from workflows.services.deciders import Standing, standing_of, tasks_by_name, tasks_by_role, tasks_for
from workflows.services.stages import role_words

ASKED = ("show", "kind", "workflow", "department", "overdue", "q", "after")
IN_MANY = frozenset({TaskKind.APPROVE, TaskKind.REVIEW})
"""Kinds of which many alike may be decided at once."""

Rows = Callable[[Actor, Standing], QuerySet[Task]]
LISTS: Mapping[str, Rows] = {
    "mine": tasks_by_name,
    "role": tasks_by_role,
    "handed": inbox.tasks_handed_over,
    "others": inbox.tasks_of_others,
    "done": inbox.tasks_over,
}


QUESTIONS: Mapping[str, Callable[[Actor, Standing], QuerySet[BudgetQuestion]]] = {
    "mine": budget_questions.questions_by_name,
    "role": budget_questions.questions_by_role,
    "others": budget_questions.questions_of_others,
}
"""Of the same lists: what owners of budgets are asked, which belongs to no run."""


@dataclass(frozen=True, slots=True)
class Row:
    """A task in a list. `may_tick`: it can be decided together with others of its step."""

    task: Task
    may_tick: bool = False

    @property
    def alike(self) -> str:
        """The same for tasks of one step of one workflow."""
        return f"{self.task.run.workflow_id}.{self.task.step.step_id}.{self.task.kind}"

    @property
    def mark(self) -> str:
        """Changes when something happens to the task that the list shows."""
        state = f"{self.task.status} {self.task.claimed_by_id} {self.task.stage}"
        return hashlib.sha256(state.encode()).hexdigest()[:12]

    @property
    def is_over(self) -> bool:
        return self.task.status != TaskStatus.OPEN

    @property
    def over(self) -> str:
        if self.task.status == TaskStatus.CANCELLED:
            return _("the run ended before")
        return decided_words(self.task)

    @property
    def tone(self) -> str:
        return decided_tone(self.task)

    @property
    def asked(self) -> str:
        """Who is asked, as short as a row needs it."""
        stage = self.task.stages[self.task.stage] if self.task.stages else {}
        if self.task.person is not None:
            return str(self.task.person)
        if people := len(stage.get("people", ())):
            return _("%(count)s people") % {"count": people}
        return stage.get("group") or role_words(self.task.role)


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    title: str
    count: str
    is_here: bool


@page
@require_GET
def tasks(request: Request) -> HttpResponse:
    """What is asked of me first; a filter or "more" asks for the fragment alone."""
    asked, standing = {name: words(request, name) for name in ASKED}, standing_of(request.actor)
    if request.htmx:
        context = _piece(request.actor, standing, {**asked, "show": _list_of(asked["show"])})
        return render(request, f"workflows/{'_more_tasks' if asked['after'] else '_tasks'}.html", context)
    counts = {name: inbox.said(*_lists(name, request.actor, standing)) for name in ("mine", "role", "handed")}
    asked["show"] = asked["show"] if asked["show"] in LISTS else _first(counts)
    context = {
        **_piece(request.actor, standing, asked),
        "tabs": _tabs(asked["show"], counts),
        **_offered(request.actor),
    }
    return render(request, "workflows/tasks.html", context)


@page
@require_POST
def news(request: Request) -> HttpResponse:
    """Of the tasks on somebody's screen those that have changed since (`seen`: id and mark), or nothing (204)."""
    seen = dict(each.partition(".")[::2] for each in request.POST.getlist("seen")[:200])
    ids = [known for id in seen if (known := identifier(id)) is not None]
    rows = _rows_of(visible(Task.objects.filter(pk__in=ids), request.actor), request.actor)
    changed = [row for row in rows if seen.get(str(row.task.pk)) != row.mark]
    if not changed:
        return HttpResponse(status=204)
    return render(request, "workflows/_task_news.html", {"rows": changed})


def beside(task: Task, actor: Actor) -> tuple[Task | None, Task | None]:
    """The tasks before and after this one among those that the actor may decide."""
    rows = tasks_for(actor).only("pk")
    return inbox.before(rows, task).first(), inbox.after(rows, task).first()


def _lists(name: str, actor: Actor, standing: Standing) -> list[QuerySet[Any]]:
    """The tasks of a list, and the questions about budgets."""
    rows = [LISTS[name](actor, standing)]
    return [*rows, QUESTIONS[name](actor, standing)] if name in QUESTIONS else rows


def _list_of(name: str) -> str:
    return name if name in LISTS else "mine"


def _first(counts: Mapping[str, str]) -> str:
    """The first list in which something waits."""
    return next((name for name in ("mine", "role") if counts[name]), "mine")


def _tabs(here: str, counts: Mapping[str, str]) -> list[Tab]:
    titles = {
        "mine": _("Mine"),
        "role": _("My role’s"),
        "handed": _("Handed over"),
        "others": _("Everyone’s"),
        "done": _("Done"),
    }
    return [Tab(name, title, counts.get(name, ""), name == here) for name, title in titles.items()]


def _offered(actor: Actor) -> dict[str, Any]:
    """What the filters offer."""
    departments = visible(Department.objects.order_by("name"), actor, path="pk")
    return {
        "kinds": TaskKind.choices,
        "workflows": visible(Workflow.objects.filter(archived_at=None), actor).order_by("name").only("name"),
        "departments": list(departments) if len(actor.departments()) > 1 else [],
    }


def _piece(actor: Actor, standing: Standing, asked: Mapping[str, str]) -> dict[str, Any]:
    """The rows of one list from the task `after` on."""
    name = asked["show"]
    tasks = _filtered(LISTS[name](actor, standing), asked)
    place = identifier(asked["after"])
    last = visible(Task.objects.filter(pk=place), actor).first() if place else None
    if last is not None:
        tasks = (inbox.after_over if name == "done" else inbox.after)(tasks, last)
    found = _rows_of(tasks[: PAGE_SIZE + 1], actor, name in ("mine", "role", "handed"))
    return {
        "which": name,
        "budget_questions": _questions(name, actor, standing, asked),
        "rows": found[:PAGE_SIZE],
        "after": found[PAGE_SIZE - 1].task.pk if len(found) > PAGE_SIZE else None,
        "asked": asked,
        "query": urlencode({key: value for key, value in asked.items() if value and key != "after"}),
        "is_filtered": any(asked[key] for key in ("kind", "workflow", "department", "overdue", "q")),
        "may_tick": any(row.may_tick for row in found),
    }


def _questions(name: str, actor: Actor, standing: Standing, asked: Mapping[str, str]) -> list[BudgetQuestion]:
    """Those of the list, before its tasks. They are of no kind of task, and never overdue."""
    if name not in QUESTIONS or asked["after"] or asked["kind"] or asked["overdue"]:
        return []
    rows = QUESTIONS[name](actor, standing)
    if (workflow := identifier(asked["workflow"])) is not None:
        rows = rows.filter(budget__workflow=workflow)
    if (department := identifier(asked["department"])) is not None:
        rows = rows.filter(department=department)
    if text := asked["q"]:
        rows = rows.filter(Q(department__name__icontains=text) | Q(budget__workflow__name__icontains=text))
    return list(rows[:PAGE_SIZE])


def _rows_of(tasks: QuerySet[Task], actor: Actor, are_mine: bool = False) -> Sequence[Row]:
    around = ("run__workflow", "department", "step", "person", "claimed_by")
    unread = ("run__inputs", "run__output", "run__scope", "run__workflow__draft", "run__workflow__sample", "draft")
    found = tasks.select_related(*around).defer(*unread, "step__inside", "step__output", "step__signal", "text")
    return [Row(task, may_tick=are_mine and _is_free(task, actor) and task.kind in IN_MANY) for task in found]


def _is_free(task: Task, actor: Actor) -> bool:
    is_mine = task.claimed_by_id is None or str(task.claimed_by_id) == actor.id
    return task.status == TaskStatus.OPEN and is_mine


def _filtered(rows: QuerySet[Task], asked: Mapping[str, str]) -> QuerySet[Task]:
    if asked["kind"] in TaskKind.values:
        rows = rows.filter(kind=asked["kind"])
    if (workflow := identifier(asked["workflow"])) is not None:
        rows = rows.filter(run__workflow=workflow)
    if (department := identifier(asked["department"])) is not None:
        rows = rows.filter(department=department)
    if asked["overdue"]:
        rows = rows.filter(due_at__lt=timezone.now())
    if text := asked["q"]:
        named = Q(run__title__icontains=text) | Q(run__workflow__name__icontains=text)
        rows = rows.filter(Q(question__icontains=text) | named)
    return rows
