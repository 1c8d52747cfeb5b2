"""Tasks: what waits for a person, and the page on which they decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from departments.access import Actor, visible
from workflows.engine.redline import difference
from workflows.models import RunMode, Task, TaskStatus
from workflows.pages.page import PAGE_SIZE, Request, page
from workflows.services.refusals import Conflict
from workflows.services.tasks import decide_task, may_decide, tasks_for

MOST_TEXT = 200_000


@page
@require_GET
def tasks(request: Request) -> HttpResponse:
    """What waits for me, what waits for my colleagues, and what has been decided."""
    which = request.GET.get("show", "mine")
    rows = LISTS.get(which, tasks_for)(request.actor).select_related("run__workflow", "department")
    return render(request, "workflows/tasks.html", {"which": which, "tasks": rows[:PAGE_SIZE]})


def _others(actor: Actor) -> QuerySet[Task]:
    """What is asked in a test is the tester's alone."""
    rows = visible(Task.objects.filter(status=TaskStatus.OPEN, run__mode=RunMode.LIVE), actor)
    return rows.exclude(pk__in=tasks_for(actor).values("pk"))


def _done(actor: Actor) -> QuerySet[Task]:
    return visible(Task.objects.filter(status=TaskStatus.DECIDED), actor).order_by("-decided_at")


LISTS = {"mine": tasks_for, "others": _others, "done": _done}


@page
@require_GET
def task(request: Request, pk: UUID) -> HttpResponse:
    return render(request, "workflows/task.html", _shown(request, _find(request, pk)))


@page
@require_POST
def task_difference(request: Request, pk: UUID) -> HttpResponse:
    """How the text in the editor differs from the draft, while it is being written."""
    asked = _find(request, pk)
    changed = difference(asked.draft, request.POST.get("text", "")[:MOST_TEXT])
    return render(request, "workflows/_difference.html", {"task": asked, "difference": changed})


@page
@require_POST
def decide(request: Request, pk: UUID) -> HttpResponse:
    """Approve or reject. What was decided elsewhere meanwhile is shown as it is (409)."""
    asked = _find(request, pk)
    given = {name: request.POST.get(name, "") for name in ("decision", "text", "reason")}
    try:
        decide_task(asked, actor=request.actor, decision=given["decision"], text=given["text"], reason=given["reason"])
    except ValidationError as refused:
        return render(request, "workflows/task.html", _shown(request, asked, refused=refused, **given), status=422)
    except Conflict as conflict:
        asked.refresh_from_db()
        context = _shown(request, asked, conflict=str(conflict), unsent=given["text"])
        return render(request, "workflows/task.html", context, status=409)
    messages.success(request, _said(given["decision"]) % {"question": asked.question})
    return redirect("tasks")


def _said(decision: str) -> str:
    said = {
        "approve": _("You approved “%(question)s”."),
        "reject": _("You rejected “%(question)s”."),
        "send_back": _("You sent “%(question)s” back."),
    }
    return said[decision]


def _find(request: Request, pk: UUID) -> Task:
    rows = visible(
        Task.objects.select_related("run__workflow", "run__version", "department", "step", "person", "decided_by"),
        request.actor,
    )
    return get_object_or_404(rows, pk=pk)


def _shown(request: Request, asked: Task, text: str = "", **more: Any) -> dict[str, Any]:
    final = (asked.answer or {}).get("text", "")
    following = tasks_for(request.actor).exclude(pk=asked.pk).first()
    return {
        "task": asked,
        "text": text or final or asked.draft,
        "may_decide": asked.status == TaskStatus.OPEN and may_decide(asked, request.actor),
        "difference": difference(asked.draft, final) if final and asked.draft else None,
        "following": following,
        **more,
    }
