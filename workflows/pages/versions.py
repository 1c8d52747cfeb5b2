"""Versions: who published what, when and why; what is other between any two; one of them back as the draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from departments.access import Verb, require
from workflows.engine.definition import Definition, load
from workflows.models import PublishRequest, Version, Workflow
from workflows.pages.made_of_it import Stretch, bar_of
from workflows.pages.page import Request, page, piece_of, whole_number
from workflows.pages.publishing import bar_context, is_same
from workflows.pages.telling import told
from workflows.pages.workflows import find
from workflows.services.measures import Verdicts, verdicts_by_version
from workflows.services.versions import restore_version, runs_under_way

DRAFT = "draft"
MOST_CHOICES = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list. `under_way` counts the runs that still keep to it."""

    version: Version
    is_live: bool
    under_way: int
    approved_by: str
    verdicts: Verdicts | None

    @property
    def bar(self) -> list[Stretch]:
        return bar_of(self.verdicts) if self.verdicts else []


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: a version by its number, or the draft."""

    key: str
    title: str
    definition: Definition
    version: Version | None = None


@page
@require_GET
def versions(request: Request, pk: UUID) -> HttpResponse:
    shown = find(request, pk)
    piece = piece_of(shown.versions.defer("definition"), request.GET.get("after", ""))
    context = {
        "workflow": shown,
        "rows": _rows(shown, piece.rows),
        "after": piece.after,
        "is_changed": shown.live is None or not is_same(shown.live.definition, shown.draft),
        "may_edit": request.actor.may(Verb.EDIT, shown.department_id),
        **bar_context(request, shown),
    }
    return render(request, "workflows/versions.html", context)


def _rows(shown: Workflow, found: Any) -> list[Row]:
    under_way = runs_under_way(shown)
    approved = dict(PublishRequest.objects.filter(version__in=found).values_list("version", "decided_by"))
    made = verdicts_by_version(shown, [each.pk for each in found])
    return [
        Row(
            each,
            each.pk == shown.live_id,
            under_way.get(each.pk, 0),
            approved.get(each.pk, ""),
            made.get(each.pk),
        )
        for each in found
    ]


@page
@require_GET
def compare(request: Request, pk: UUID) -> HttpResponse:
    """`?from=2&to=draft`: each is a number or the draft; without them the live version and the draft."""
    shown = find(request, pk)
    usual = str(shown.live.number) if shown.live else DRAFT
    old = side_of(shown, request.GET.get("from") or usual)
    new = side_of(shown, request.GET.get("to") or DRAFT)
    context = {
        "workflow": shown,
        "old": old,
        "new": new,
        "groups": told(old.definition, new.definition),
        "numbers": shown.versions.values_list("number", flat=True)[:MOST_CHOICES],
        "may_edit": request.actor.may(Verb.EDIT, shown.department_id),
    }
    return render(request, "workflows/compare.html", context)


@page
@require_POST
def restore(request: Request, pk: UUID, number: int) -> HttpResponse:
    """The version becomes the draft; undo brings back the draft as it was."""
    shown = find(request, pk)
    require(request.actor, Verb.EDIT, shown.department)
    restore_version(_numbered(shown, number), actor=request.actor)
    said = _("The draft is now like version %(number)s. Undo brings back what was there before.")
    messages.success(request, said % {"number": number})
    return redirect("build", shown.pk)


def side_of(shown: Workflow, wanted: str) -> Side:
    """Raises Http404 for a version that there is not."""
    if wanted == DRAFT:
        return Side(DRAFT, _("the draft"), load(shown.draft))
    number = whole_number(wanted) or 0
    version = _numbered(shown, number)
    return Side(wanted, _("version %(number)s") % {"number": number}, load(version.definition), version)


def _numbered(shown: Workflow, number: int) -> Version:
    version = shown.versions.filter(number=min(number, 2**31 - 1)).select_related("workflow__department").first()
    if version is None:
        raise Http404
    return version
