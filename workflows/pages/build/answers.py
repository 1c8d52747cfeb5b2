"""What a change answers with: the cards that look different now and, out of band, the bar and the problems."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from workflows.engine.definition import Definition
from workflows.models import Workflow
from workflows.pages.build.bar import bar_context
from workflows.pages.build.changes import changes
from workflows.pages.build.column import column_of
from workflows.pages.build.draft import at_revision, drafted, node_of
from workflows.pages.page import Request

FACTS = "X-Draft"
"""The header that tells the page its revision, which step to look at, and what to say aloud."""


def changed(request: Request, workflow: Workflow, since: int, *, said: str = "", step: str = "") -> HttpResponse:
    """Brings a page that shows the revision `since` up to date."""
    now, before = drafted(workflow), at_revision(workflow, since)
    column = column_of(now)
    swaps = changes(column_of(before), column) if before else None
    panel = request.POST.get("panel") or request.GET.get("panel") or ""
    context = {
        "workflow": workflow,
        "column": column,
        "swaps": swaps,
        "panel": panel,
        **bar_context(request, workflow, now),
    }
    answer = render(request, "workflows/build/_changed.html", context)
    focus = step or (_came(before, now) if before else "")
    state = _panel_state(panel, before, now)
    return with_facts(answer, revision=workflow.draft_revision, step=focus, said=said, panel=state)


def _panel_state(panel: str, before: Definition | None, now: Definition) -> str:
    """What has become of the thing that the panel shows: same, changed or gone."""
    there = _shown_in(panel, now)
    if there is None:
        return "gone"
    return "same" if before and _shown_in(panel, before) == there else "changed"


def _shown_in(panel: str, definition: Definition) -> Any:
    """The part of the draft that a panel shows, None for a step that is not there."""
    what, _colon, step = panel.partition(":")
    if what == "step":
        return node_of(definition, step)
    return {"result": definition.output}.get(what, (definition.name, definition.description, definition.inputs))


def with_facts(answer: HttpResponse, **facts: Any) -> HttpResponse:
    answer[FACTS] = json.dumps(facts)
    return answer


def _came(before: Definition, now: Definition) -> str:
    """The first step that was not there before."""
    known = {node.id for node in before.nodes()}
    return next((node.id for node in now.nodes() if node.id not in known), "")


def refused(request: Request, sentences: Iterable[str], status: int = 422) -> HttpResponse:
    """A change that cannot be made: the sentences, for the message at the foot of the page."""
    text = render_to_string("workflows/build/_refused.html", {"sentences": list(sentences)}, request)
    return HttpResponse(text, status=status)
