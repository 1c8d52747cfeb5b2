"""One run for each row of a table: handed in, looked over, seen live, and taken along with its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from uuid_utils.compat import uuid7

from departments.access import Verb, visible
from workflows.engine.definition import Input
from workflows.models import RowState, Series, SeriesRow, StoredFile, Workflow
from workflows.pages.files import HARMLESS
from workflows.pages.page import PAGE_SIZE, Request, page, whole_number, words
from workflows.pages.workflows import find, sentences
from workflows.services import series as services
from workflows.services.files import store_file
from workflows.services.refusals import NotKept
from workflows.services.sheets import (
    MOST_PROBLEMS,
    MOST_ROWS,
    RowProblem,
    asked_of,
    live_of,
    matched,
    problems_of,
    read_sheet,
)

ROWS_SHOWN = 5
AT_ONCE = 10
COLUMN = "column-"


@dataclass(frozen=True, slots=True)
class Asked:
    """An input of the workflow, and the column it takes."""

    name: str
    label: str
    help: str
    required: bool
    column: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row as the page shows it."""

    row: SeriesRow
    said: str
    problem: str

    @property
    def title(self) -> str:
        """Its first cells: what a person knows it by."""
        return " · ".join(str(value) for value in self.row.values.values() if value not in (None, ""))[:120]


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: Request, pk: UUID) -> HttpResponse:
    """What the table has to look like, and where it is handed in."""
    workflow = _to_run(request, pk)
    if request.method != "POST":
        return _new_page(request, workflow)
    try:
        stored = _handed_in(request, workflow)
    except ValidationError as refused:
        status = refused.status if isinstance(refused, NotKept) else 422
        return _new_page(request, workflow, " ".join(sentences(refused).values()), status)
    return redirect("series_check", pk, stored.pk)


def _handed_in(request: Request, workflow: Workflow) -> StoredFile:
    """Raises ValidationError for what is no table, or cannot be kept."""
    brought = request.FILES.get("file")
    if brought is None:
        raise ValidationError({"file": [_("Choose a file.")]})
    stored = store_file(workflow.department, name=brought.name or "table", content=brought.read(), actor=request.actor)
    read_sheet(stored)
    return stored


def _new_page(request: Request, workflow: Workflow, problem: str = "", status: int = 200) -> HttpResponse:
    shown = {"workflow": workflow, "asked": asked_of(workflow).items(), "problem": problem, "most": MOST_ROWS}
    return render(request, "workflows/series/new.html", shown, status=status)


@page
@require_GET
def empty_table(request: Request, pk: UUID) -> HttpResponse:
    """An Excel file with the right columns, to be filled in."""
    # Half a second of libraries that few requests need.
    from connectors.documents.writing import write_document

    workflow = _to_run(request, pk)
    line = {one.title or name: workflow.sample.get(name, "") for name, one in asked_of(workflow).items()}
    return _download(f"{workflow.slug}.xlsx", write_document("xlsx", workflow.name, [line]))


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def check(request: Request, pk: UUID, file: UUID) -> HttpResponse:
    """The table as it was understood, before anything starts; then it starts."""
    workflow = _to_run(request, pk)
    rows = visible(StoredFile.objects.filter(department=workflow.department_id), request.actor)
    stored = get_object_or_404(rows, pk=file)
    if request.method == "POST" and "start" in request.POST:
        chosen = _chosen(request, workflow)
        try:
            made = services.start_series(
                workflow,
                stored,
                chosen=chosen,
                at_once=whole_number(_typed(request, "at_once")) or 0,
                key=_typed(request, "key") or str(uuid7()),
                actor=request.actor,
            )
        except ValidationError as refused:
            return _check_page(request, workflow, stored, chosen, sentences(refused))
        return redirect("series", made.pk)
    return _check_page(request, workflow, stored, _chosen(request, workflow) if request.method == "POST" else None)


def _check_page(
    request: Request,
    workflow: Workflow,
    stored: StoredFile,
    chosen: Mapping[str, str] | None,
    refused: Mapping[str, str] = {},
) -> HttpResponse:
    try:
        sheet = read_sheet(stored)
    except ValidationError as error:
        messages.error(request, " ".join(sentences(error).values()))
        return redirect("series_new", workflow.pk)
    asked = asked_of(workflow)
    columns = matched(asked, sheet.columns) if chosen is None else dict(chosen)
    problems = list(problems_of(workflow, sheet, columns))
    context = {
        "workflow": workflow,
        "file": stored,
        "sheet": sheet,
        "shown": [[row.get(column) for column in sheet.columns] for row in islice(sheet.rows, ROWS_SHOWN)],
        "asked": _asked(asked, columns, refused),
        "problems": [(each.number, _in_words(each, asked)) for each in problems[:MOST_PROBLEMS]],
        "bad": len(problems),
        "good": len(sheet.rows) - len(problems),
        "other": refused.get("at_once", ""),
        "at_once": _typed(request, "at_once") or AT_ONCE,
        "key": _typed(request, "key") or str(uuid7()),
        "before": Series.objects.filter(workflow=workflow, file_id__in=_same(stored)).order_by("-pk").first(),
    }
    return render(request, "workflows/series/check.html", context, status=422 if refused else 200)


@page
@require_GET
def one(request: Request, pk: UUID) -> HttpResponse:
    """Its progress, and its rows; a fragment while it is under way."""
    series = _find(request, pk)
    wanted = words(request, "rows")
    rows = series.rows.select_related("run")
    if wanted == "bad":
        rows = rows.filter(pk__in=_bad(series))
    progress = services.progress_of(series)
    context = {
        "series": series,
        "workflow": series.workflow,
        "progress": progress,
        "parts": _parts(progress),
        **_piece(rows, whole_number(words(request, "after")) or 0),
        "wanted": wanted,
        "may_run": request.actor.may(Verb.RUN, series.department_id),
        "can_stop": series.finished_at is None and series.stopped_at is None,
        "can_go_on": bool(progress.failed or progress.refused or progress.left),
    }
    return render(request, "workflows/series/_live.html" if request.htmx else "workflows/series/series.html", context)


@page
@require_POST
def stop(request: Request, pk: UUID) -> HttpResponse:
    services.stop_series(_find(request, pk), actor=request.actor)
    messages.success(request, _("No further row starts. What is under way goes on."))
    return redirect("series", pk)


@page
@require_POST
def go_on(request: Request, pk: UUID) -> HttpResponse:
    count = services.go_on(_find(request, pk), actor=request.actor)
    said = ngettext("%(count)s row is done again.", "%(count)s rows are done again.", count)
    messages.success(request, said % {"count": count})
    return redirect("series", pk)


@page
@require_GET
@never_cache
def results(request: Request, pk: UUID, form: str) -> HttpResponse:
    if form not in services.FORMS:
        raise Http404(form)
    series = _find(request, pk)
    name = f"{series.title.rpartition('.')[0] or series.title}-results.{form}"
    return _download(name, services.results(series, form, actor=request.actor))


def _piece(rows: Any, after: int) -> dict[str, Any]:
    """Some rows in their order, and the number of the last where there are more."""
    found = list(rows.filter(number__gt=after).order_by("number")[: PAGE_SIZE + 1])
    lines = [Line(row, services.said_of(row), services.problem_of(row)) for row in found[:PAGE_SIZE]]
    return {"lines": lines, "after": after, "more": lines[-1].row.number if len(found) > PAGE_SIZE else 0}


def _download(name: str, content: bytes) -> HttpResponse:
    disposition = content_disposition_header(True, name) or "attachment"
    headers = {**HARMLESS, "Content-Disposition": disposition}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)


def _asked(asked: Mapping[str, Input], columns: Mapping[str, str], refused: Mapping[str, str]) -> Sequence[Asked]:
    return [
        Asked(
            name,
            one.title or name.replace("_", " ").capitalize(),
            one.help,
            one.required and one.default is None,
            columns.get(name, ""),
            refused.get(name, ""),
        )
        for name, one in asked.items()
    ]


def _typed(request: Request, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()[:100]


def _in_words(problem: RowProblem, asked: Mapping[str, Input]) -> str:
    titles = {name: one.title for name, one in asked.items()}
    return " ".join(f"{titles.get(name) or name}: {said}" for name, said in problem.fields.items())


def _chosen(request: Request, workflow: Workflow) -> dict[str, str]:
    given = {name: request.POST.get(f"{COLUMN}{name}", "") for name in asked_of(workflow)}
    return {name: column for name, column in given.items() if column}


def _parts(progress: services.Progress) -> list[tuple[str, int, str]]:
    """Class, number and words of each part of the bar that is not empty."""
    parts = [
        ("ok", progress.succeeded, _("succeeded")),
        ("bad", progress.failed, _("failed")),
        ("bad", progress.refused, _("could not start")),
        ("wait", progress.with_people, _("wait for a person or a time")),
        ("run", progress.under_way, _("under way")),
        ("", progress.waiting, _("still to start")),
        ("", progress.left, _("not started")),
    ]
    return [part for part in parts if part[1]]


def _bad(series: Series) -> Any:
    rows = SeriesRow.objects.filter(series=series)
    return (rows.filter(run__status__in=services.ENDED_BADLY) | rows.filter(state=RowState.REFUSED)).values("pk")


def _same(stored: StoredFile) -> Any:
    """Files of the same content: the same table, handed in before."""
    return StoredFile.objects.filter(department=stored.department_id, sha256=stored.sha256).values("pk")


def _to_run(request: Request, pk: UUID) -> Workflow:
    workflow = find(request, pk)
    if not request.actor.may(Verb.RUN, workflow.department_id):
        raise PermissionDenied(_("Your role does not let you start runs. A manager of the department can change that."))
    live_of(workflow)
    return workflow


def _find(request: Request, pk: UUID) -> Series:
    rows = Series.objects.select_related("workflow", "department")
    return get_object_or_404(visible(rows, request.actor), pk=pk)
