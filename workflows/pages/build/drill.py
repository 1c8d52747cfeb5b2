"""The drill in the builder: what if the AI is away? Nothing is kept of it; what it finds is put right by edits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from workflows.engine.drill import Finding, Then
from workflows.pages.build import answers
from workflows.pages.build.draft import drafted, to_build
from workflows.pages.page import Request, page
from workflows.services.drills import Away, away_of, could_be_away, drilled_draft


@page
@require_GET
def drill(request: Request, pk: UUID) -> HttpResponse:
    """The draft as it stands, with the AI away that `away` names: all of it, a provider, or a model."""
    shown, away = to_build(request, pk), request.GET.get("away", "")
    definition = drafted(shown)
    try:
        findings = drilled_draft(definition, away_of(away))
    except ValidationError as unknown:
        return answers.refused(request, unknown.messages)
    stops = [each for each in findings if each.then is Then.STOPS]
    choices = [("", _("Every AI")), *((each.value, _said(each)) for each in could_be_away(definition))]
    context = {
        "workflow": shown,
        "choices": choices,
        "away": away,
        "stops": [(each, _ask([each])) for each in stops],
        "ask_all": _ask(stops) if len(stops) > 1 else None,
        "others": [each for each in findings if each.then.is_a_way_out],
        "count": _count(findings, stops),
        "marks": json.dumps({each.step: _("If the AI is away, the run stops here.") for each in stops}),
    }
    return render(request, "workflows/build/_drill.html", context)


def _said(away: Away) -> str:
    if away.value.startswith("model:"):
        return _("Only the model %(model)s") % {"model": away.models[0]}
    return _("All of %(provider)s (%(models)s)") % {"provider": away.provider, "models": ", ".join(away.models)}


def _count(findings: Sequence[Finding], stops: Sequence[Finding]) -> str:
    if not findings:
        return _("No step of this draft would notice.")
    if not stops:
        return _("The run would stop nowhere: each step has another way.")
    one = "The run would stop at %(count)d step of %(all)d that ask this AI."
    more = "The run would stop at %(count)d steps of %(all)d that ask this AI."
    return ngettext(one, more, len(stops)) % {"count": len(stops), "all": len(findings)}


def _ask(findings: Sequence[Finding]) -> dict[str, Any]:
    """The edit by which a person is asked instead."""
    change = {"field": "on_error", "value": "ask"}
    if len(findings) == 1:
        return {"do": "change", "step": findings[0].step, **change}
    return {"do": "change_each", "steps": [each.step for each in findings], **change}
