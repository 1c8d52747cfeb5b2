"""The record of a run: on a page, a piece at a time where it is long, and whole as a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from workflows.models import RunStatus, StepRun, StepStatus
from workflows.pages.page import Request, page, whole_number
from workflows.pages.runs import find, inputs_of
from workflows.runtime.journey import tree_of
from workflows.services.gathering import gather
from workflows.services.looking_in import looked_into
from workflows.services.records import Some, Window
from workflows.services.runs import record_taken, take_ledger
from workflows.services.step_titles import title_of

MOST: Mapping[str, int] = {"questions": 10, "steps": 100, "inner": 200, "deeds": 100}
"""How much of each list stands on the page at once; links lead to the rest."""


@dataclass(frozen=True, slots=True)
class StepLine:
    step: StepRun
    title: str

    @property
    def status(self) -> StepStatus:
        return StepStatus(self.step.status)

    @property
    def models(self) -> list[str]:
        calls = [call for each in self.step.tries.all() for call in each.calls if call.get("kind") == "model"]
        return list(dict.fromkeys(call.get("model_answered") or call.get("model_asked") or "" for call in calls))

    @property
    def tries(self) -> int:
        """How often it was tried. A container or a question to a person is merely looked at again when it goes on."""
        return 0 if self.step.kind.startswith(("flow.", "people.")) else self.step.attempts

    @property
    def error(self) -> str:
        return str((self.step.error or {}).get("message", ""))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a long list: `before` and `after` are the addresses of its neighbours."""

    some: Some
    before: str = ""
    after: str = ""

    @property
    def from_place(self) -> int:
        return self.some.first + 1


@page
@require_GET
def record(request: Request, pk: UUID) -> HttpResponse:
    """`?steps=100` begins the list of steps at its 101st; so do questions, inner and deeds."""
    shown = find(request, pk)
    looked_into(shown, request.actor)
    firsts = {name: whole_number(request.GET.get(name, "")) or 0 for name in MOST}
    found = gather(shown, **{name: Window(firsts[name], most) for name, most in MOST.items()})
    tree = tree_of(shown.version_id)
    context = {
        "run": shown,
        "status": RunStatus(shown.status),
        "record": found,
        "inputs": inputs_of(shown),
        "steps": [StepLine(step, title_of(step.step_id, step.kind, tree)) for step in found.steps.rows],
        "parts": {name: _part(name, getattr(found, name), firsts) for name in MOST},
        "took": shown.finished_at - shown.started_at if shown.finished_at and shown.started_at else None,
    }
    return render(request, "workflows/record.html", context)


@page
@require_GET
def record_pdf(request: Request, pk: UUID) -> HttpResponse:
    """All of it. That somebody took it along is a deed of the ledger."""
    # A second of libraries that few requests need.
    from workflows.pages.record_pdf import pdf_of

    shown = find(request, pk)
    content = pdf_of(gather(shown), inputs_of(shown))
    record_taken(shown, content, actor=request.actor)
    name = content_disposition_header(True, f"{shown.workflow.slug}-{str(shown.pk)[-8:]}.pdf")
    return HttpResponse(content, content_type="application/pdf", headers={"Content-Disposition": name})


@page
@require_GET
def run_ledger(request: Request, pk: UUID) -> HttpResponse:
    """The entries about the run with the proof of each, for the verifier (docs/ledger.md)."""
    shown = find(request, pk)
    content = take_ledger(shown, actor=request.actor)
    name = content_disposition_header(True, f"{shown.workflow.slug}-{str(shown.pk)[-8:]}-ledger.json")
    return HttpResponse(content, content_type="application/json", headers={"Content-Disposition": name})


def _part(name: str, some: Some, firsts: Mapping[str, int]) -> Part:
    before = max(0, some.first - MOST[name])
    return Part(
        some,
        _address(name, before, firsts) if some.first else "",
        _address(name, some.last, firsts) if some.last < some.total else "",
    )


def _address(name: str, first: int, firsts: Mapping[str, int]) -> str:
    """The other lists stay where they are."""
    return f"?{urlencode({**{key: place for key, place in firsts.items() if place}, name: first})}#{name}"
