"""From the browser alone: a database and a folder of another server are connected, tested, and used in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from departments.access import actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.browser.build import Builder
from tests.sftp_server import PASSWORD, USER, PasswordServer
from tests.sql_servers import SqlServer, start_postgresql
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.services.workflows import publish_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]


@pytest.fixture
def database() -> Iterator[SqlServer]:
    started = start_postgresql()
    yield started
    started.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PasswordServer]:
    started = PasswordServer(tmp_path)
    yield started
    started.close()


@pytest.fixture
def legal(database: SqlServer, server: PasswordServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[database.entry, server.entry])


@pytest.fixture
def britta(legal: Department, sign_in: SignIn) -> User:
    builder = factories.make_user("Britta Falk", legal, Role.BUILDER)
    sign_in(builder)
    return builder


def test_rows_of_a_database_become_a_file_on_another_server(
    page: Page, britta: User, legal: Department, database: SqlServer, server: PasswordServer, tmp_path: Path, seen: Seen
) -> None:
    database.as_owner("CREATE TABLE mention (title text, tone text)")
    database.as_owner("INSERT INTO mention VALUES ('A scandal', 'bad'), ('A prize', 'good')")
    database.as_owner("GRANT ALL ON mention TO press")

    page.goto("/connections/new/?connector=sql")
    page.get_by_label("Name", exact=True).fill("Press database")
    page.get_by_label("System").select_option("postgresql")
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Database", exact=True).fill("press")
    page.get_by_label("User name").fill("press")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_text("More settings").click()
    page.get_by_label("How it is secured").select_option("none")
    page.get_by_label("Port").fill(str(database.port))
    seen("connection-database")
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text("It works. Signed in. The server calls itself PostgreSQL")).to_be_visible()

    page.goto("/connections/new/?connector=sftp")
    page.get_by_label("Name", exact=True).fill("Agency")
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_text("More settings").click()
    page.get_by_label("Port").fill(str(server.port))
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text(f"shows the key {server.key.get_fingerprint()}").first).to_be_visible()
    seen("connection-sftp-key")
    page.get_by_label("Key of the server").fill(server.key.get_fingerprint())
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("It works. Signed in. In the folder: 0 files and 0 folders")).to_be_visible()

    table = {"format": "csv", "content": "{{ steps.rows.rows }}", "name": "Mentions"}
    steps = [
        {"id": "rows", "kind": "sql.read", "with": {"connection": "press-database", "query": "SELECT 1 AS one"}},
        {"id": "table", "kind": "document.write", "with": table},
    ]
    workflow = published(steps, legal, name="Mentions")
    built = Builder(page, workflow).open()
    built.card("Read from a database").click()
    page.locator("#f-with-query").fill("SELECT title FROM mention WHERE tone = '{{ run.mode }}'")
    page.keyboard.press("Tab")
    expect(page.locator("#f-with-query-error")).to_contain_text("no data may stand in it")
    seen("step-sql-with-data")
    page.locator("#f-with-query").fill("SELECT title FROM mention WHERE tone = :tone")
    page.keyboard.press("Tab")
    expect(page.locator("#f-with-values-error")).to_contain_text("The SQL names :tone")
    page.get_by_role("button", name="Add a value").click()
    row = page.locator("[data-field='with-values'] [data-row-list] [data-row]").last
    row.get_by_role("textbox").first.fill("tone")
    row.get_by_role("textbox").last.fill("bad")
    page.keyboard.press("Tab")
    expect(page.get_by_text("No problems")).to_be_visible()
    seen("step-sql-values")
    built.add(built.end(), "write a file")
    page.get_by_label("Place", exact=True).select_option(label="Agency")
    page.locator("#f-with-folder-box").fill("mentions")
    page.locator("[data-field='with-file']").get_by_role("button", name="Insert data").first.click()
    picker = page.get_by_role("dialog", name="Insert data")
    picker.locator("[data-pick]").get_by_text("File", exact=True).last.click()
    expect(page.get_by_text("No problems")).to_be_visible()
    seen("step-write-file")
    built.saved()

    workflow.refresh_from_db()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))
    run = carried(run_of(workflow))

    assert run.status == "succeeded", run.error
    (written,) = (tmp_path / "mentions").iterdir()
    assert written.read_text("utf-8-sig").split() == ["title", "A", "scandal"]
