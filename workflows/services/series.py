"""One run for each row of a table: handed in, stopped, gone on with, and its results as a table again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor, Verb, require
from workflows.models import RowState, RunStatus, Series, SeriesRow, StoredFile, Workflow
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.sheets import asked_of, live_of, read_sheet

MOST_AT_ONCE = 100
FORMS = ("xlsx", "csv")
ENDED_BADLY = (RunStatus.FAILED, RunStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows are where."""

    total: int
    waiting: int
    under_way: int
    with_people: int
    succeeded: int
    failed: int
    refused: int
    left: int

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.refused + self.left


def start_series(
    workflow: Workflow, stored: StoredFile, *, chosen: Mapping[str, str], at_once: int, key: str, actor: Actor
) -> Series:
    """The same `key` again is the same series. `chosen`: input → column.

    Raises PermissionDenied, Conflict (nothing is published), ValidationError. Reads the file, so not in a transaction.
    """
    require(actor, Verb.RUN, workflow.department)
    live_of(workflow)
    if known := Series.objects.filter(department=workflow.department_id, key=key).first():
        return known
    sheet = read_sheet(stored)
    _check(workflow, sheet.columns, chosen, at_once)
    series = Series(
        department=workflow.department,
        workflow=workflow,
        key=key,
        title=stored.name[:200],
        file_id=stored.pk,
        columns=list(sheet.columns),
        inputs=dict(chosen),
        at_once=at_once,
        total=len(sheet.rows),
        started_by=actor.label,
        starter_kind=actor.kind,
        starter_id=actor.id,
    )
    with transaction.atomic():
        if not _is_first(series):
            return Series.objects.get(department=workflow.department_id, key=key)
        rows = (SeriesRow(series=series, number=number, values=dict(row)) for number, row in enumerate(sheet.rows, 1))
        SeriesRow.objects.bulk_create(rows, batch_size=1_000)
        record("series.started", actor=actor, department=workflow.department.slug, thing=series, rows=series.total)
    return Series.objects.select_related("department", "workflow").get(pk=series.pk)


def _is_first(series: Series) -> bool:
    """Whoever comes second with the key waits for the first, and inserts nothing."""
    Series.objects.bulk_create([series], ignore_conflicts=True)
    return Series.objects.filter(pk=series.pk).exists()


def _check(workflow: Workflow, columns: Any, chosen: Mapping[str, str], at_once: int) -> None:
    asked, wrong = asked_of(workflow), {}
    for name, column in chosen.items():
        if name not in asked:
            wrong[name] = [_("The workflow asks for no such input.")]
        elif column not in columns:
            wrong[name] = [_("The table has no column “%(name)s”.") % {"name": column}]
    for name, one in asked.items():
        if one.required and one.default is None and name not in chosen:
            wrong[name] = [_("This is needed. Choose a column.")]
    if not 1 <= at_once <= MOST_AT_ONCE:
        wrong["at_once"] = [_("Choose a number from 1 to %(most)s.") % {"most": MOST_AT_ONCE}]
    if wrong:
        raise ValidationError(wrong)


def stop_series(series: Series, *, actor: Actor) -> None:
    """No further row starts; what is under way goes on."""
    require(actor, Verb.RUN, series.department)
    with transaction.atomic():
        locked = Series.objects.select_for_update(no_key=True).get(pk=series.pk)
        if locked.finished_at is not None or locked.stopped_at is not None:
            raise Conflict("It is over, or was stopped already.")
        Series.objects.filter(pk=series.pk).update(stopped_at=Now(), look_at=Now())
        series.rows.filter(state__in=[RowState.WAITING, RowState.AGAIN]).update(state=RowState.LEFT)
        record("series.stopped", actor=actor, department=series.department.slug, thing=series)


def go_on(series: Series, *, actor: Actor) -> int:
    """What was left out, could not start or failed, once more; a run that failed goes on at its failed step."""
    require(actor, Verb.RUN, series.department)
    with transaction.atomic():
        Series.objects.select_for_update(no_key=True).get(pk=series.pk)
        anew = series.rows.filter(Q(state__in=[RowState.LEFT, RowState.REFUSED]) | Q(run__status__in=ENDED_BADLY))
        anew = anew.filter(Q(run=None) | Q(run__erased_at=None))  # what is erased cannot be done again
        count = anew.update(state=RowState.AGAIN, said="")
        if not count:
            raise Conflict("Every row has succeeded or is under way; there is nothing to do again.")
        Series.objects.filter(pk=series.pk).update(stopped_at=None, finished_at=None, look_at=Now())
        record("series.gone_on", actor=actor, department=series.department.slug, thing=series, rows=count)
    return count


def progress_of(series: Series) -> Progress:
    found: dict[str, int] = {}
    for state, status, count in series.rows.values_list("state", "run__status").annotate(Count("pk")).order_by():
        place = _place(state, status)
        found[place] = found.get(place, 0) + count
    names = ("waiting", "under_way", "with_people", "succeeded", "failed", "refused", "left")
    return Progress(series.total, *(found.get(name, 0) for name in names))


def _place(state: str, status: str | None) -> str:
    if state in (RowState.WAITING, RowState.AGAIN):
        return "waiting"
    if state in (RowState.REFUSED, RowState.LEFT):
        return state
    if status is None:  # its run was erased
        return "left"
    return {
        RunStatus.SUCCEEDED.value: "succeeded",
        RunStatus.FAILED.value: "failed",
        RunStatus.CANCELLED.value: "failed",
        RunStatus.WAITING.value: "with_people",
    }.get(status, "under_way")


def results(series: Series, form: str, *, actor: Actor) -> bytes:
    """The table as it was, and beside each row what came of it. `form`: xlsx or csv."""
    # Half a second of libraries that few requests need.
    from connectors.documents.writing import write_document

    require(actor, Verb.VIEW, series.department)
    content = write_document(form, series.title.rpartition(".")[0] or series.title, list(result_rows(series)))
    with transaction.atomic():
        record("series.results_taken", actor=actor, department=series.department.slug, thing=series, bytes=len(content))
    return content


def result_rows(series: Series) -> Iterator[dict[str, Any]]:
    """One mapping for each row, all with the same names."""
    rows = list(series.rows.select_related("run").order_by("number"))
    given = list(dict.fromkeys(name for row in rows if row.run for name in (row.run.output or {})))
    headings = {name: _free(name.replace("_", " ").capitalize(), series.columns) for name in given}
    status, problem, link = (_free(name, series.columns) for name in (_("Run"), _("Problem"), _("Page of the run")))
    for row in rows:
        output = (row.run.output or {}) if row.run else {}
        yield {
            **{column: row.values.get(column) for column in series.columns},
            status: str(said_of(row)),
            **{heading: output.get(name) for name, heading in headings.items()},
            problem: problem_of(row),
            link: settings.PUBLIC_URL + reverse("run", args=[row.run_id]) if row.run_id else "",
        }


def said_of(row: SeriesRow) -> Any:
    if row.state == RowState.STARTED and row.run is not None:
        return RunStatus(row.run.status).label
    return RowState(row.state).label


def problem_of(row: SeriesRow) -> str:
    return row.said or str(((row.run.error or {}) if row.run else {}).get("message", ""))


def _free(name: str, taken: list[str]) -> str:
    return name if name not in taken else f"{name} (Tandem)"
