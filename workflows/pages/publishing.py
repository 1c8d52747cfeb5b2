"""Publishing: what the top bar says about it, and the page that asks for the reason."""

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
from django.views.decorators.http import require_http_methods

from departments.access import Verb, require
from workflows.models import Workflow
from workflows.pages.page import Request, page
from workflows.pages.workflows import find
from workflows.services.workflows import draft_problems, publish_workflow


@dataclass(frozen=True, slots=True)
class Bar:
    """What the top bar says: `state` is new (never published), changed (since the live version) or live (the same)."""

    state: str
    number: int | None
    may_publish: bool


def bar_context(request: Request, workflow: Workflow) -> dict[str, Any]:
    """For `workflows/build/_publish.html`; the template also wants `workflow`."""
    return {"publishing": _bar(request, workflow)}


def _bar(request: Request, workflow: Workflow) -> Bar:
    live = workflow.live
    state = "new" if live is None else "live" if is_same(live.definition, workflow.draft) else "changed"
    return Bar(state, live.number if live else None, request.actor.may(Verb.PUBLISH, workflow.department_id))


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Byte for byte: the order of inputs and results is the order in which people read them."""
    return json.dumps(one) == json.dumps(other)


@page
@require_http_methods(["GET", "POST"])
def publish(request: Request, pk: UUID) -> HttpResponse:
    """The problems, or the form with the reason; what is refused comes back as it was typed (422)."""
    shown = find(request, pk)
    require(request.actor, Verb.PUBLISH, shown.department)
    if request.method == "GET":
        return _asked(request, shown)
    try:
        version = publish_workflow(shown, note=request.POST.get("note", ""), actor=request.actor)
    except ValidationError:
        return _asked(request, shown, status=422)
    messages.success(request, _("Version %(number)s is live. New runs take it.") % {"number": version.number})
    return redirect("workflow", shown.pk)


def _asked(request: Request, shown: Workflow, status: int = 200) -> HttpResponse:
    context = {
        "workflow": shown,
        "problems": draft_problems(shown),
        "note": request.POST.get("note", ""),
        **bar_context(request, shown),
    }
    return render(request, "workflows/publish.html", context, status=status)
