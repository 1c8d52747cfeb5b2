"""Publishing: what the top bar says about it, the page that asks for the reason, and the second person's word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from departments.access import Verb, require
from workflows.engine.definition import load
from workflows.models import PublishRequest, Workflow
from workflows.pages.build.draft import Found, drafted, found_problems
from workflows.pages.cards import cards_of
from workflows.pages.page import Request, identifier, page, whole_number
from workflows.pages.telling import told
from workflows.pages.workflows import find
from workflows.services import publishing
from workflows.services.refusals import Conflict


@dataclass(frozen=True, slots=True)
class Bar:
    """What the top bar says: `state` is new (never published), asked (a second person has not decided yet), changed
    (since the live version) or live (the same)."""

    state: str
    number: int | None
    may_publish: bool
    asks: bool
    """Whether publishing here means asking a second person."""


def bar_context(request: Request, workflow: Workflow) -> dict[str, Any]:
    """For `workflows/build/_publish.html`, which also wants `workflow`. One query where a second person decides."""
    return {"publishing": _bar(request, workflow)}


def _bar(request: Request, workflow: Workflow) -> Bar:
    asks = workflow.department.second_person_publishes
    may = request.actor.may(Verb.PUBLISH, workflow.department_id)
    return Bar(_state(workflow, asks), workflow.live.number if workflow.live else None, may, asks)


def _state(workflow: Workflow, asks: bool) -> str:
    if workflow.live and is_same(workflow.live.definition, workflow.draft):
        return "live"
    if asks and workflow.publish_requests.waiting().exists():
        return "asked"
    return "changed" if workflow.live else "new"


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """As they are written: the order of inputs and results is the order in which people read them."""
    return json.dumps(one) == json.dumps(other)


@page
@require_http_methods(["GET", "POST"])
def publish(request: Request, pk: UUID) -> HttpResponse:
    """Problems, or the difference with the form that asks why. What is refused comes back as it was typed."""
    shown = find(request, pk)
    _require_concerned(request, shown)
    if request.method == "GET":
        return _shown(request, shown)
    return _published(request, shown)


def _published(request: Request, shown: Workflow) -> HttpResponse:
    note, revision = request.POST.get("note", ""), whole_number(request.POST.get("revision", ""))
    try:
        made = publishing.publish_or_ask(shown, note=note, actor=request.actor, revision=revision)
    except ValidationError as refused:
        return _shown(request, shown, refused=refused.messages, status=422)
    except Conflict as late:
        shown.refresh_from_db()
        return _shown(request, shown, refused=[str(late)], status=409)
    if isinstance(made, PublishRequest):
        messages.success(request, _("You have asked. When somebody approves, the draft goes live."))
        return redirect("publish", shown.pk)
    messages.success(request, _("Version %(number)s is live. New runs take it.") % {"number": made.number})
    return redirect("workflow", shown.pk)


@page
@require_POST
def decide_publishing(request: Request, pk: UUID) -> HttpResponse:
    """`decision`: approve, refuse (with a `reason`) or withdraw, of the question that stands open."""
    shown = find(request, pk)
    _require_concerned(request, shown)
    asked = _asked(shown, request.POST.get("request", ""))
    if asked is None:
        raise Conflict(_("Nobody has asked whether “%(name)s” may go live.") % {"name": shown.name})
    try:
        return _decided(request, shown, asked)
    except ValidationError as refused:
        return _shown(request, shown, refused=refused.messages, status=422)


def _decided(request: Request, shown: Workflow, asked: PublishRequest) -> HttpResponse:
    decision = request.POST.get("decision", "")
    if decision == "approve":
        version = publishing.approve_request(asked, actor=request.actor)
        messages.success(request, _("Version %(number)s is live. New runs take it.") % {"number": version.number})
        return redirect("workflow", shown.pk)
    if decision == "refuse":
        publishing.refuse_request(asked, reason=request.POST.get("reason", ""), actor=request.actor)
        messages.success(request, _("You have refused. %(who)s reads why.") % {"who": asked.asked_by})
    elif decision == "withdraw":
        publishing.withdraw_request(asked, actor=request.actor)
        messages.success(request, _("The question is taken back. The draft stays as it is."))
    else:
        raise ValidationError(_("Choose whether to approve or to refuse."))
    return redirect("publish", shown.pk)


def _asked(shown: Workflow, wanted: str) -> PublishRequest | None:
    """The question that stood on the page: a newer one, about another draft, nobody has looked at yet."""
    if not wanted:
        return publishing.latest_request(shown)
    place = identifier(wanted)
    return shown.publish_requests.filter(pk=place).first() if place else None


def _require_concerned(request: Request, shown: Workflow) -> None:
    """Those who publish, and where a second person decides, those who may be that person."""
    if shown.department.second_person_publishes and request.actor.may(Verb.DECIDE, shown.department_id):
        return
    require(request.actor, Verb.PUBLISH, shown.department)


def _shown(request: Request, shown: Workflow, refused: list[str] | None = None, status: int = 200) -> HttpResponse:
    definition = drafted(shown)
    asked = publishing.latest_request(shown)
    context = {
        "workflow": shown,
        "problems": [(each, _way_to(each)) for each in found_problems(shown, definition)],
        "groups": told(load(shown.live.definition), definition) if shown.live else (),
        "cards": () if shown.live else cards_of(definition),
        "asked": asked,
        "may_approve": bool(asked and asked.is_waiting and publishing.may_approve(asked, request.actor)),
        "note": request.POST.get("note", ""),
        "reason": request.POST.get("reason", ""),
        "refused": refused,
        **bar_context(request, shown),
    }
    return render(request, "workflows/publish.html", context, status=status)


def _way_to(found: Found) -> str:
    """Where on the build page the problem is put right."""
    if found.problem.step:
        return f"?step={found.problem.step}"
    return f"?open={found.panel}" if found.panel else ""
