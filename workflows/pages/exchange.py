"""Export and import: a workflow as one readable file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from departments.models import Department
from workflows.engine.definition import MOST_BYTES, load
from workflows.pages.cards import Card, cards_of
from workflows.pages.page import Request, identifier, page
from workflows.pages.versions import DRAFT, side_of
from workflows.pages.workflows import find, own_departments
from workflows.services.exchange import Examined, examine, export_workflow, import_workflow
from workflows.services.refusals import Conflict

MOST_CHOICES = 200


@page
@require_GET
def export(request: Request, pk: UUID) -> HttpResponse:
    """The file to look at, with `?download=1` to keep; `version` is a number or draft, `sample=1` adds the sample."""
    shown = find(request, pk)
    side = side_of(shown, request.GET.get("version") or (str(shown.live.number) if shown.live else DRAFT))
    with_sample = "sample" in request.GET
    exported = export_workflow(side.definition, shown.sample if with_sample else None)
    if "download" in request.GET:
        name = content_disposition_header(True, f"{shown.slug}.yaml")
        headers = {"Content-Disposition": name}
        return HttpResponse(exported.text, content_type="application/yaml; charset=utf-8", headers=headers)
    context = {
        "workflow": shown,
        "side": side,
        "with_sample": with_sample,
        "exported": exported,
        "numbers": shown.versions.values_list("number", flat=True)[:MOST_CHOICES],
    }
    return render(request, "workflows/export.html", context)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The import page as it stands: what was typed, and what is known about it."""

    departments: list[Department]
    department: Department
    text: str = ""
    name: str = ""
    errors: list[str] = field(default_factory=list)
    examined: Examined | None = None
    cards: tuple[Card, ...] = ()


@page
@require_http_methods(["GET", "POST"])
def import_file(request: Request) -> HttpResponse:
    """First the file is looked at; a second click, with what is wrong and missing in view, makes the workflow."""
    sheet = _sheet(request)
    if request.method == "GET":
        return _render(request, sheet)
    try:
        sheet = replace(sheet, text=_sent(request))
        if request.POST.get("do") == "create":
            made = import_workflow(sheet.text, sheet.department, actor=request.actor, name=sheet.name)
            return redirect("build", made.pk)
        return _looked_at(request, sheet)
    except ValidationError as refused:
        return _render(request, replace(sheet, errors=refused.messages), status=422)
    except Conflict as taken:
        return _looked_at(request, replace(sheet, errors=[str(taken)]), status=409)


def _looked_at(request: Request, sheet: Sheet, status: int = 200) -> HttpResponse:
    examined = examine(sheet.text, sheet.department, actor=request.actor)
    cards = cards_of(load(examined.definition))
    found = replace(sheet, examined=examined, cards=cards, name=sheet.name or examined.name)
    return _render(request, found, status=status)


def _render(request: Request, sheet: Sheet, status: int = 200) -> HttpResponse:
    return render(request, "workflows/import.html", {"sheet": sheet, "most_bytes": MOST_BYTES}, status=status)


def _sheet(request: Request) -> Sheet:
    departments = own_departments(request)
    department = departments[0]
    if chosen := request.POST.get("department"):
        own = Department.objects.filter(pk__in=[each.pk for each in departments])
        department = get_object_or_404(own, pk=identifier(chosen))
    return Sheet(departments, department, text=request.POST.get("text", ""), name=request.POST.get("name", "").strip())


def _sent(request: Request) -> str:
    """The file that was chosen, else what stands in the text field. Raises ValidationError."""
    sent = request.FILES.get("file")
    if not isinstance(sent, UploadedFile):
        text: Any = request.POST.get("text", "")
        if not text.strip():
            raise ValidationError(_("Choose a file, or paste its text."))
        return text
    if sent.size and sent.size > MOST_BYTES:
        raise ValidationError(_("The file is larger than %(most)s bytes.") % {"most": f"{MOST_BYTES:,}"})
    try:
        return sent.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError(_("The file is not a text in UTF-8, so it is no exported workflow.")) from None
