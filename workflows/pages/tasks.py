"""The page of a task: what is asked, deciding it, taking it, handing it over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from departments.access import visible
from departments.models import User
from workflows.models import Task
from workflows.pages.inbox import beside
from workflows.pages.page import Request, identifier, page
from workflows.pages.question import Question
from workflows.pages.saying import Sent, sent_by
from workflows.services import tasks as services
from workflows.services.handing_over import claim_task, delegate_task, release_task, require_may_hand_over
from workflows.services.looking import look_at
from workflows.services.refusals import Conflict

AROUND = ("run__workflow", "run__version", "department", "step", "person", "claimed_by", "decided_by")
MOST_TEXT = 200_000


@page
@require_GET
def task(request: Request, pk: UUID) -> HttpResponse:
    question = Question(find(request, pk), request.actor)
    if question.is_asked:
        look_at(question.task, actor=request.actor)
    return _shown(request, question)


@page
@require_POST
def task_difference(request: Request, pk: UUID) -> HttpResponse:
    """While the text is being written: how it differs from the draft, and what would leave."""
    asked = find(request, pk)
    question = Question(asked, request.actor, sent_by(request, asked))
    return render(request, "workflows/_while_writing.html", {"question": question, "task": asked, "swap": True})


@page
@require_POST
def decide(request: Request, pk: UUID) -> HttpResponse:
    """Decide it. What cannot be taken comes back as it was typed (422); what is too late, too (409)."""
    asked = find(request, pk)
    seat = services.require_decider(asked, request.actor)
    sent = sent_by(request, asked)
    if not sent.is_good:
        return _refused(request, asked, sent)
    try:
        services.decide(asked, sent.said, actor=request.actor, seen=sent.seen, seat=seat)
    except ValidationError as error:
        return _refused(request, asked, sent.refused(error))
    except Conflict as conflict:
        question = Question(find(request, pk), request.actor, sent)
        return _shown(request, question, status=409, conflict=str(conflict))
    messages.success(request, _said(sent.said.decision) % {"question": asked.question})
    return redirect("tasks")


@page
@require_POST
def claim(request: Request, pk: UUID) -> HttpResponse:
    asked = find(request, pk)
    claim_task(asked, actor=request.actor)
    messages.success(request, _("You have taken it. Nobody else decides it until you give it back."))
    return redirect("task", asked.pk)


@page
@require_POST
def release(request: Request, pk: UUID) -> HttpResponse:
    asked = find(request, pk)
    release_task(asked, actor=request.actor)
    messages.success(request, _("Given back: everybody who is asked may decide it again."))
    return redirect("task", asked.pk)


@page
@require_POST
def delegate(request: Request, pk: UUID) -> HttpResponse:
    """Hand it over to a colleague. A refusal opens the same dialog again (422)."""
    asked = find(request, pk)
    require_may_hand_over(asked, request.actor)
    to, reason = request.POST.get("to", ""), request.POST.get("reason", "")
    try:
        delegate_task(asked, to=_colleague(asked, to), reason=reason, actor=request.actor)
    except ValidationError as error:
        handing = {"to": to, "reason": reason, "wrong": error.message_dict}
        return _shown(request, Question(asked, request.actor), status=422, handing=handing)
    messages.success(request, _("You handed “%(question)s” over.") % {"question": asked.question})
    return redirect("tasks")


def find(request: Request, pk: UUID) -> Task:
    return get_object_or_404(visible(Task.objects.select_related(*AROUND), request.actor), pk=pk)


def _colleague(asked: Task, id: str) -> User:
    known = identifier(id)
    people = User.objects.filter(is_active=True, memberships__department=asked.department_id)
    if known is None or (found := people.filter(pk=known).first()) is None:
        raise ValidationError({"to": _("Choose a member of the department.")})
    return found


def _refused(request: Request, asked: Task, sent: Sent) -> HttpResponse:
    return _shown(request, Question(asked, request.actor, sent), status=422)


def _shown(request: Request, question: Question, *, status: int = 200, **more: Any) -> HttpResponse:
    before, after = beside(question.task, request.actor)
    context = {"question": question, "task": question.task, "before": before, "after": after, **more}
    return render(request, "workflows/task.html", context, status=status)


def _said(decision: str) -> str:
    said = {
        "approve": _("You approved “%(question)s”."),
        "reject": _("You rejected “%(question)s”."),
        "send_back": _("You sent “%(question)s” back."),
        "answer": _("You answered “%(question)s”."),
        "choose": _("You chose a draft for “%(question)s”."),
        "done": _("You said that it has happened: “%(question)s”."),
        "again": _("It is done again: “%(question)s”."),
        "skip": _("You skipped it: “%(question)s”."),
        "stop": _("You stopped the run: “%(question)s”."),
    }
    return said[decision]
