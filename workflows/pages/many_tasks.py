"""Deciding many alike at once: one page that lists every one with what will leave, one decision, one reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from departments.access import Actor, visible
from workflows.models import Task, TaskStatus
from workflows.pages.inbox import IN_MANY
from workflows.pages.page import Request, identifier, page
from workflows.pages.question import Question, decided_words
from workflows.pages.tasks import AROUND
from workflows.services.refusals import Conflict
from workflows.services.tasks import Said, Seen, decide, require_decider, too_late

MOST = 200
DECISIONS = frozenset({"approve", "reject"})


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one of many: `tone` is ok, wait (decided elsewhere, changed) or bad (refused)."""

    task: Task
    tone: str
    words: str


@page
@require_POST
def many(request: Request) -> HttpResponse:
    """The one confirmation."""
    try:
        return _confirmed(request, _found(request))
    except ValidationError as error:
        return _back(request, error)


@page
@require_POST
def decide_many(request: Request) -> HttpResponse:
    """Each by itself: what became of one changes nothing about the others."""
    decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "")
    try:
        found = _found(request)
    except ValidationError as error:
        return _back(request, error)
    if wrong := _wrong(decision, reason):
        return _confirmed(request, found, status=422, reason=reason, wrong=wrong)
    became = [_decided(each, decision, reason, request) for each in found]
    done = sum(1 for each in became if each.tone == "ok")
    return render(request, "workflows/tasks_many_done.html", {"became": became, "done": done, "decision": decision})


def _back(request: Request, error: ValidationError) -> HttpResponse:
    messages.error(request, " ".join(error.messages))
    return redirect("tasks")


def _wrong(decision: str, reason: str) -> str:
    if decision not in DECISIONS:
        return _("Choose whether to approve or to reject.")
    return _("Say why you reject them.") if decision == "reject" and not reason.strip() else ""


def _confirmed(request: Request, found: Sequence[Task], status: int = 200, **more: str) -> HttpResponse:
    questions = [Question(task, request.actor) for task in found]
    context = {
        "open": [each for each in questions if each.may_decide],
        "others": [_why_not(each) for each in questions if not each.may_decide],
        "first": found[0],
        "cannot": [each for each in questions if each.may_decide and each.cannot_approve],
        **more,
    }
    return render(request, "workflows/tasks_many.html", context, status=status)


def _why_not(question: Question) -> Became:
    task = question.task
    if task.status != TaskStatus.OPEN:
        return Became(task, "wait", decided_words(task) if task.decided_at else too_late(task))
    if question.taken_by_another is not None:
        return Became(task, "wait", _("%(who)s has taken it") % {"who": question.taken_by_another})
    return Became(task, "wait", _("You have answered it already; it waits for others"))


def _decided(task: Task, decision: str, reason: str, request: Request) -> Became:
    seen = Seen("many", request.POST.get(f"seen-{decision}-{task.pk}", request.POST.get(f"seen-{task.pk}", ""))[:64])
    try:
        decide(task, Said(decision, reason=reason), actor=request.actor, seen=seen)
    except Conflict as error:
        return Became(task, "wait", str(error))
    except (PermissionDenied, ValidationError) as error:
        return Became(task, "bad", " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
    return Became(task, "ok", _("approved") if decision == "approve" else _("rejected"))


def _found(request: Request) -> list[Task]:
    """The ticked tasks, in their order. Raises ValidationError for none, too many or unlike ones, and as finding one
    does: 404 where none is there, PermissionDenied where one is not for this person.
    """
    named = (identifier(each) for each in request.POST.getlist("task"))
    ids = list(dict.fromkeys(id for id in named if id is not None))
    if not ids:
        raise ValidationError(_("Tick the tasks that you want to decide."))
    if len(ids) > MOST:
        raise ValidationError(_("At most %(most)s tasks are decided at once. Tick fewer.") % {"most": MOST})
    found = list(visible(Task.objects.filter(pk__in=ids), request.actor).select_related(*AROUND))
    if not found:
        raise Http404
    _check_alike(found)
    _require_asked(found, request.actor)
    return found


def _check_alike(found: Sequence[Task]) -> None:
    alike = {(task.run.workflow_id, task.step.step_id, task.kind) for task in found}
    if len(alike) > 1 or found[0].kind not in IN_MANY:
        raise ValidationError(_("Only approvals or reviews of one step of one workflow are decided at once."))


def _require_asked(found: Sequence[Task], actor: Actor) -> None:
    for task in found:
        if task.status == TaskStatus.OPEN:
            require_decider(task, actor)
