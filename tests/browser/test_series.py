"""From the browser alone: a table becomes runs, and comes back with their results."""

from __future__ import annotations

import io
from collections.abc import Callable

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests import factories
from tests.workflows.runtime.harness import carried, published, silent_broker
from workflows.models import Run, Series
from workflows.services import series_turns

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
CSV = b"Full name;Since\r\nAda;2027-01-31\r\nGrace;last week\r\nAlan;\r\n"


def test_a_table_is_handed_in_looked_over_started_and_taken_back(
    page: Page, sign_in: Callable[[User], None], seen: Seen
) -> None:
    legal = factories.make_department("Legal")
    sign_in(factories.make_user("Olga Lind", legal, Role.OPERATOR))
    step = {"id": "a", "kind": "text.compose", "with": {"text": "Dear {{ inputs.name }}"}}
    inputs = {
        "name": {"type": "text", "title": "Full name"},
        "since": {"type": "date", "title": "Member since", "required": False},
    }
    workflow = published([step], legal, name="Letters", inputs=inputs, output={"letter": "{{ steps.a.text }}"})

    page.goto(f"/workflows/{workflow.pk}/")
    page.get_by_role("link", name="For each row of a table…").click()
    expect(page.get_by_role("heading", name="For each row of a table")).to_be_visible()
    seen("series-new")
    page.get_by_label("Excel or CSV file").set_input_files(
        {"name": "members.csv", "mimeType": "text/csv", "buffer": CSV}
    )
    page.get_by_role("button", name="Look it over").click()
    expect(page.get_by_label("Full name")).to_have_value("Full name")
    page.get_by_label("Member since").select_option("Since")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("heading", name="1 row cannot start")).to_be_visible()
    seen("series-check")
    page.get_by_role("button", name="Start 2 runs").click()
    expect(page.get_by_role("heading", name="Under way")).to_be_visible()

    with silent_broker():
        series_turns.strike()
        for run in Run.objects.all():
            carried(run)
        Series.objects.update(look_at="2020-01-01T00:00:00Z")
        series_turns.strike()

    expect(page.get_by_role("heading", name="All rows are through")).to_be_visible(timeout=10_000)
    seen("series")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Results for Excel").click()
    sheet = openpyxl.load_workbook(io.BytesIO(taken.value.path().read_bytes())).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0] == ["Full name", "Since", "Run", "Letter", "Problem", "Page of the run"]
    assert [row[3] for row in rows[1:]] == ["Dear Ada", None, "Dear Alan"]
    assert "year-month-day" in rows[2][4]
