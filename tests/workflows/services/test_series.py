"""One run for each row of a table: started where there is room, each once, stopped, gone on with, and given back."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from audit.models import Entry
from connectors.documents.writing import write_document
from departments.access import Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, silent_broker
from workflows.models import Run, Series, SeriesRow, StoredFile, Workflow
from workflows.runtime import files
from workflows.services import series as services
from workflows.services import series_turns, sheets
from workflows.services.refusals import Conflict, ValidationError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def olga(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Olga", legal, Role.OPERATOR))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    return published(
        [{"id": "a", "kind": "text.compose", "with": {"text": "Dear {{ inputs.name }}, {{ inputs.since }}"}}],
        legal,
        inputs={"name": {"type": "text", "title": "Full name"}, "since": {"type": "date", "required": False}},
        output={"letter": "{{ steps.a.text }}"},
    )


def kept(department: Department, rows: list[dict[str, Any]], form: str = "xlsx") -> StoredFile:
    return files.save(department.pk, f"people.{form}", write_document(form, "People", rows), "")


def handed_in(workflow: Workflow, actor: Actor, names: list[str], **more: Any) -> Series:
    stored = kept(workflow.department, [{"Full name": name, "Since": ""} for name in names])
    how = {"chosen": {"name": "Full name"}, "at_once": 10, "key": "k", **more}
    return services.start_series(workflow, stored, actor=actor, **how)


def struck(times: int = 1) -> int:
    Series.objects.update(look_at="2020-01-01T00:00:00Z")
    with silent_broker():
        return sum(series_turns.strike() for _ in range(times))


def carry_all() -> None:
    for run in Run.objects.exclude(status__in=["succeeded", "failed", "cancelled"]):
        carried(run)


def test_each_row_becomes_a_run_and_the_table_comes_back_with_what_came_of_it(workflow: Workflow, olga: Actor) -> None:
    stored = files.save(workflow.department_id, "people.csv", b"Full name;No\r\nAda;1\r\n=1+1;2\r\nGrace;3\r\n", "")
    series = services.start_series(workflow, stored, chosen={"name": "Full name"}, at_once=10, key="k", actor=olga)
    assert struck() == 3
    carry_all()
    assert struck() == 0

    series.refresh_from_db()
    progress = services.progress_of(series)
    assert (progress.succeeded, progress.ended, progress.total) == (3, 3, 3)
    assert series.finished_at is not None
    assert {run.started_by for run in Run.objects.all()} == {olga.label}
    lines = list(csv.DictReader(io.StringIO(services.results(series, "csv", actor=olga).decode("utf-8-sig"))))
    assert [line["Full name"] for line in lines] == ["Ada", "'=1+1", "Grace"], "no cell becomes a formula"
    assert [line["Letter"].strip() for line in lines] == ["Dear Ada,", "Dear =1+1,", "Dear Grace,"]
    assert [line["Run"] for line in lines] == ["Succeeded"] * 3
    assert lines[0]["Page of the run"].endswith(f"/runs/{series.rows.get(number=1).run_id}/")
    assert Notice.objects.get().subject == "3 of 3 rows have succeeded: people.csv"
    verbs = set(Entry.objects.values_list("verb", flat=True))
    assert {"series.started", "series.results_taken", "run.started"} <= verbs


def test_what_a_spreadsheet_takes_for_a_number_or_a_date_is_what_the_workflow_asks_for(
    workflow: Workflow, olga: Actor
) -> None:
    content = b"Full name;Since\r\n4711;2027-01-31 00:00:00\r\nB;not a day\r\n;2027-01-31\r\n"
    stored = files.save(workflow.department_id, "people.csv", content, "")
    sheet = sheets.read_sheet(stored)
    chosen = sheets.matched(sheets.asked_of(workflow), sheet.columns)
    assert chosen == {"name": "Full name", "since": "Since"}
    problems = list(sheets.problems_of(workflow, sheet, chosen))
    assert [(each.number, set(each.fields)) for each in problems] == [(2, {"since"}), (3, {"name"})]

    series = services.start_series(workflow, stored, chosen=chosen, at_once=10, key="k", actor=olga)
    struck()

    assert Run.objects.get().inputs == {"name": "4711", "since": "2027-01-31"}
    assert [row.state for row in series.rows.all()] == ["started", "refused", "refused"]
    assert "year-month-day" in series.rows.get(number=2).said


def test_only_so_many_are_under_way_at_once_and_those_that_wait_leave_their_place(
    legal: Department, olga: Actor
) -> None:
    asks = {"id": "a", "kind": "people.approve", "with": {"question": "Well?"}}
    slow = published([asks], legal, inputs={"name": {"type": "text"}}, name="Asks")
    series = handed_in(slow, olga, list("abcde"), at_once=2)
    Run.objects.all().update(status="queued")
    assert struck() == 2
    Run.objects.all().update(status="running")
    assert struck() == 0
    Run.objects.all().update(status="waiting")
    assert struck() == 2
    assert services.progress_of(series).with_people == 2 + 2 - Run.objects.exclude(status="waiting").count()


def test_the_same_form_twice_and_schedulers_side_by_side_start_no_row_twice(workflow: Workflow, olga: Actor) -> None:
    first = handed_in(workflow, olga, [str(number) for number in range(40)], at_once=100)
    assert handed_in(workflow, olga, ["other"]) == first

    def strike(_: int) -> None:
        for _turn in range(4):
            series_turns.strike()
        connection.close()

    with silent_broker(), ThreadPoolExecutor(4) as pool:
        list(pool.map(strike, range(4)))

    assert Run.objects.count() == 40
    assert SeriesRow.objects.filter(state="started").values("run").distinct().count() == 40


def test_it_is_stopped_and_gone_on_with(workflow: Workflow, olga: Actor) -> None:
    series = handed_in(workflow, olga, list("abcd"), at_once=2)
    struck()
    services.stop_series(series, actor=olga)
    carry_all()
    struck(2)
    series.refresh_from_db()
    assert series.finished_at is not None
    assert (services.progress_of(series).left, Run.objects.count()) == (2, 2)
    with pytest.raises(Conflict):
        services.stop_series(series, actor=olga)

    assert services.go_on(series, actor=olga) == 2
    struck(2)
    carry_all()

    assert services.progress_of(series).succeeded == 4
    with pytest.raises(Conflict):
        services.go_on(series, actor=olga)


def test_a_row_whose_run_failed_goes_on_where_it_failed(legal: Department, olga: Actor) -> None:
    fails = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.name.nobody }}"}}
    bad = published([fails], legal, inputs={"name": {"type": "text"}}, name="Fails")
    series = handed_in(bad, olga, ["Ada"])
    struck()
    carry_all()
    run = Run.objects.get()
    assert (run.status, services.progress_of(series).failed) == ("failed", 1)

    services.go_on(series, actor=olga)
    struck()

    assert Run.objects.get().pk == run.pk, "no second run"
    assert Entry.objects.filter(verb="run.retried").exists()


def test_a_defect_at_one_row_holds_up_no_other(
    workflow: Workflow, olga: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_by = series_turns.given_by

    def breaks_at_ada(row: Any, *rest: Any) -> dict[str, Any]:
        if row["Full name"] == "Ada":
            raise KeyError("Ada")
        return given_by(row, *rest)

    monkeypatch.setattr(series_turns, "given_by", breaks_at_ada)
    series = handed_in(workflow, olga, ["Ada", "Grace"])

    struck()

    assert [row.state for row in series.rows.all()] == ["refused", "started"]
    assert series.rows.get(number=1).said == "An error in Tandem (KeyError). The log says more."


def test_what_is_no_table_or_too_long_or_lacks_a_column_is_refused(
    workflow: Workflow, olga: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match="no table"):
        sheets.read_sheet(files.save(workflow.department_id, "note.txt", b"Dear all", ""))
    monkeypatch.setattr(sheets, "MOST_ROWS", 1)
    with pytest.raises(ValidationError, match="at most 1"):
        handed_in(workflow, olga, ["a", "b"])
    with pytest.raises(ValidationError) as refused:
        handed_in(workflow, olga, ["a"], chosen={"since": "Nowhere", "odd": "Since"}, at_once=0)
    assert set(refused.value.message_dict) == {"since", "odd", "name", "at_once"}
    assert not Series.objects.exists()
