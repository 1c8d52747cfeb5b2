"""Two people changed the same step: both sides are shown, and the second one decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from workflows.models import DraftEdit
from workflows.pages.build.answers import with_facts
from workflows.pages.page import Request
from workflows.pages.showing import shown as shown_value
from workflows.services.drafting import StaleDraft

MOST = 4
"""Changes of theirs that are shown."""


def clashed(request: Request, edit: Mapping[str, Any], stale: StaleDraft) -> HttpResponse:
    """409 with both sides. Nothing of the refused change is lost: it can be made over theirs."""
    workflow = stale.workflow
    context = {
        "workflow": workflow,
        "theirs": [_side(one.edit, one.said, one.by, one.at) for one in _clashing(stale)],
        "mine": _side(edit, stale.mine),
        "edit": json.dumps(edit, ensure_ascii=False),
        "revision": workflow.draft_revision,
    }
    answer = render(request, "workflows/build/_clash.html", context, status=409)
    return with_facts(answer, revision=workflow.draft_revision)


def _side(edit: Mapping[str, Any], sentence: str, by: str = "", at: Any = None) -> dict[str, Any]:
    """What one side did, and the text it wrote where it wrote one."""
    value = edit.get("value")
    return {"said": sentence, "by": by, "at": at, "text": shown_value(value) if value not in (None, "", [], {}) else ""}


def _clashing(stale: StaleDraft) -> list[DraftEdit]:
    """The change that stands in the way first, then what else was done."""
    rest = [one for one in stale.theirs if one != stale.clashing]
    return [*([stale.clashing] if stale.clashing else []), *rest][:MOST]
