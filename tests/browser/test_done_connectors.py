"""From the browser alone, each kind of system once: connected, tested, used in a workflow that is built by clicking,
published and run; and what it did is seen at the system itself. Only the worker is carried by the test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from departments.models import Role, User
from tests import factories
from tests.browser.build import Builder
from tests.connectors.manifests import mcp_server
from tests.connectors.manifests.mcp_server import ToolServer
from tests.connectors.manifests.petshop import described
from tests.imap_server import PASSWORD, ImapServer
from tests.mail_server import MailServer, only
from tests.s3_server import BUCKET, REGION, S3Server
from tests.sql_servers import SqlServer, own_folder, start_postgresql
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, Workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]

MAIL = b"From: Ada <ada@agency.example>\r\nSubject: A mention\r\nMessage-ID: <1@agency.example>\r\n\r\nForty close.\r\n"


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with silent_broker():
        yield


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    server = MailServer(authenticator=only("press", PASSWORD)).start()
    yield server
    with suppress(RuntimeError):
        server.stop()


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    folder = own_folder()
    server = ImapServer(folder / "dovecot").start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def bucket(s3_server: S3Server) -> S3Server:
    """Empty, whoever has used it before."""
    client = s3_server.client("s3")
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    return s3_server


@pytest.fixture
def database() -> Iterator[SqlServer]:
    server = start_postgresql()
    yield server
    server.stop()


@pytest.fixture
def tools() -> Iterator[ToolServer]:
    server = ToolServer().start()
    yield server
    server.stop()


@pytest.fixture
def arrives(page: Page, sign_in: SignIn) -> Callable[..., None]:
    """Britta, who builds in Legal, before her list of connections. These places are on her department's list."""

    def arrives(*places: str) -> None:
        legal = factories.make_department("Legal", egress_hosts=list(places))
        sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))
        page.goto("/connections/")

    return arrives


def test_a_mailbox_is_read_and_answers(
    page: Page, arrives: Callable[..., None], smtp: MailServer, imap: ImapServer, seen: Seen
) -> None:
    imap.deliver("press", MAIL)
    arrives(f"private:smtp://127.0.0.1:{smtp.port}", f"private:imap://127.0.0.1:{imap.port}")

    system(page, "E-mail")
    fill(page, {"Name": "Press mailbox", "Address": "press@house.example", "User name": "press", "Password": PASSWORD})
    fill(page, {"Server for sending (SMTP)": "127.0.0.1", "Server for reading (IMAP)": "127.0.0.1"})
    page.get_by_text("More settings").click()
    page.get_by_label("How sending is secured").select_option("none")
    page.get_by_label("How reading is secured").select_option("none")
    fill(page, {"Port for sending": str(smtp.port), "Port for reading": str(imap.port)})
    connected(page, "It works. Both servers let us in. In the mailbox: 1 folder.")

    built = blank(page, "Answer mentions")
    built.add(built.end(), "read e-mails")
    page.get_by_label("Mailbox").select_option(label="Press mailbox")
    built.add(built.end(), "send an e-mail")
    page.get_by_label("Mailbox").select_option(label="Press mailbox")
    write(page, to="desk@house.example", subject="{{ steps.read_e_mails.mails[0].subject }}")
    write(page, text="{{ steps.read_e_mails.mails[0].text }}")
    run = published_and_run(page, built)

    ((receivers, letter),) = smtp.taken
    assert (receivers, letter["Subject"]) == (["desk@house.example"], "A mention")
    assert letter.get_content().strip() == "Forty close."
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_text("sent to desk@house.example")).to_be_visible()
    seen("done-mail-run")


def test_a_file_is_written_into_a_bucket(
    page: Page, arrives: Callable[..., None], bucket: S3Server, seen: Seen
) -> None:
    arrives(bucket.entry)

    system(page, "A bucket (S3 and compatible)")
    fill(page, {"Name": "Exchange", "Address of the server": bucket.address, "Bucket": BUCKET})
    fill(page, {"Access key": bucket.access, "Region": REGION, "Secret key": bucket.secret})
    seen("done-bucket-form")
    connected(page, "It works. The bucket can be read. In it: 0 files and 0 folders.")

    built = blank(page, "Keep the statement")
    built.add(built.end(), "write a document")
    page.get_by_label("Form", exact=True).select_option("md")
    write(page, content="We regret it.", name="Statement")
    built.add(built.end(), "write a file")
    page.get_by_label("Place", exact=True).select_option(label="Exchange")
    write(page, folder="statements")
    picked(page, "with-file", "File")
    seen("done-bucket-step")
    published_and_run(page, built)

    (kept,) = bucket.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert kept["Key"] == "statements/Statement.md"
    body = bucket.client("s3").get_object(Bucket=BUCKET, Key=kept["Key"])["Body"].read()
    assert "We regret it." in body.decode()


def test_rows_are_kept_in_a_database(page: Page, arrives: Callable[..., None], database: SqlServer, seen: Seen) -> None:
    database.as_owner("CREATE TABLE mention (title text, tone text)")
    database.as_owner("GRANT ALL ON mention TO press")
    arrives(database.entry)

    system(page, "A database (PostgreSQL, MySQL, MariaDB)")
    fill(page, {"Name": "Press database", "Server": "127.0.0.1", "Database": "press"})
    fill(page, {"User name": "press", "Password": PASSWORD})
    page.get_by_label("System").select_option("postgresql")
    page.get_by_text("More settings").click()
    page.get_by_label("How it is secured").select_option("none")
    fill(page, {"Port": str(database.port)})
    connected(page, "It works. Signed in. The server calls itself PostgreSQL")

    built = blank(page, "Note a mention")
    built.add(built.end(), "change a database")
    page.get_by_label("Database", exact=True).select_option(label="Press database")
    page.locator("#f-with-statement").fill("INSERT INTO mention VALUES (:title, 'bad')")
    page.get_by_role("button", name="Add a value").click()
    row = page.locator("[data-field='with-values'] [data-row-list] [data-row]").last
    row.get_by_role("textbox").first.fill("title")
    row.get_by_role("textbox").last.fill("A scandal'; DROP TABLE mention; --")
    page.keyboard.press("Tab")
    seen("done-database-step")
    published_and_run(page, built)

    assert database.as_owner("SELECT title, tone FROM mention") == [("A scandal'; DROP TABLE mention; --", "bad")]


def test_a_message_is_posted_in_what_speaks_as_slack_does(
    page: Page, arrives: Callable[..., None], httpserver: HTTPServer, seen: Seen
) -> None:
    token = "xoxb-1234-unheard-of-token"
    signed = {"Authorization": f"Bearer {token}"}
    who = {"ok": True, "url": "https://acme.slack.com/", "team": "Acme", "user": "tandem", "team_id": "T1"}
    httpserver.expect_request("/api/auth.test", method="POST", headers=signed).respond_with_json(who)
    wanted = {"channel": "#press", "text": "We regret it."}
    answer = {"ok": True, "channel": "C0123", "ts": "1718.0001", "message": {"type": "message", **wanted}}
    posting = {"method": "POST", "headers": signed, "json": wanted}
    httpserver.expect_oneshot_request("/api/chat.postMessage", **posting).respond_with_json(answer)
    arrives(f"private:http://127.0.0.1:{httpserver.port}")

    system(page, "Slack")
    fill(page, {"Name": "Our workspace", "Token of the app": token})
    page.get_by_text("More settings").click()
    fill(page, {"Address of the API": httpserver.url_for("/api")})
    connected(page, "It works. Signed in to Acme as tandem.")

    built = blank(page, "Say it in Slack")
    built.add(built.end(), "slack")
    page.get_by_label("Workspace").select_option(label="Our workspace")
    write(page, channel="#press", text="We regret it.")
    published_and_run(page, built)

    httpserver.check_assertions()
    assert [request.path for request, _ in httpserver.log].count("/api/chat.postMessage") == 1
    assert token not in page.content()


def test_a_service_is_imported_and_asked(
    page: Page, arrives: Callable[..., None], httpserver: HTTPServer, seen: Seen
) -> None:
    signed = {"X-Shop-Key": "unheard-of-key"}
    httpserver.expect_request("/openapi.json").respond_with_data(described(httpserver.url_for("/v1")))
    httpserver.expect_request("/v1/me", headers=signed).respond_with_json({"name": "Ada"})
    added = httpserver.expect_oneshot_request("/v1/pets", method="POST", headers=signed, json={"name": "Tom"})
    added.respond_with_json({"id": 7, "name": "Tom"}, status=201)
    arrives(f"private:http://127.0.0.1:{httpserver.port}")

    page.get_by_role("link", name="Imported services").click()
    page.get_by_role("link", name="Import a service").first.click()
    page.get_by_label("Or where it lies").fill(httpserver.url_for("/openapi.json"))
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_label("Add a pet", exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Connect an account").click()
    fill(page, {"Name": "Our shop", "Key in a header (X-Shop-Key)": "unheard-of-key"})
    connected(page, "It works. It answered with 200.")

    built = blank(page, "Take in a pet")
    built.add(built.end(), "Add a pet")
    page.get_by_label("Account", exact=True).select_option(label="Our shop")
    write(page, name="Tom")
    run = published_and_run(page, built)

    httpserver.check_assertions()
    assert run.steps.get().output["data"]["id"] == 7


def test_a_tool_of_an_mcp_server_is_called(
    page: Page, arrives: Callable[..., None], tools: ToolServer, seen: Seen
) -> None:
    arrives(f"private:http://127.0.0.1:{tools.port}")

    page.get_by_role("link", name="Imported services").click()
    page.get_by_role("link", name="Import a service").first.click()
    fill(page, {"Address of the server": tools.address})
    page.locator("#token").fill(mcp_server.TOKEN)
    page.get_by_role("button", name="Ask it for its tools").click()
    seen("done-tools-service")
    page.get_by_label("Count words", exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Connect an account").click()
    page.get_by_label("Name", exact=True).fill("Our desk")
    page.locator("[type=password]").fill(mcp_server.TOKEN)
    connected(page, "It works. It is Word desk and offers 2 tools.")

    built = blank(page, "Count it")
    built.add(built.end(), "Count words")
    page.get_by_label("Account", exact=True).select_option(label="Our desk")
    write(page, text="We regret it.")
    seen("done-tools-step")
    run = published_and_run(page, built)

    assert tools.called == [("count_words", ("We regret it.", 100))]
    assert run.steps.get().output["data"] == {"words": 3}
    assert mcp_server.TOKEN not in page.content()


# ── what she does each time ──────────────────────────────────────────────────────────────────────────────────────────


def system(page: Page, name: str) -> None:
    page.get_by_role("link", name="Connect an account").first.click()
    page.get_by_role("link", name=name, exact=True).click()


def fill(page: Page, given: dict[str, str]) -> None:
    """By the whole label, whether or not it adds that one may leave the field empty."""
    for label, value in given.items():
        page.get_by_label(re.compile(rf"^{re.escape(label)}(\s·\soptional)?$")).fill(value)


def connected(page: Page, says: str) -> None:
    """Connected and tested, and once more by the button that tests."""
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text(says).first).to_be_visible()
    page.goto(page.url)
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#messages").get_by_text(says)).to_be_visible()


def blank(page: Page, name: str) -> Builder:
    page.goto("/workflows/")
    page.get_by_role("link", name="New workflow").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Make the workflow").click()
    page.wait_for_selector("#build[data-ready]")
    return Builder(page, Workflow.objects.get(name=name))


def write(page: Page, **values: str) -> None:
    """Into fields of the step in the panel."""
    for name, value in values.items():
        page.locator(f"#f-with-{name}-box").fill(value)
    page.keyboard.press("Tab")


def picked(page: Page, field: str, title: str) -> None:
    page.locator(f"[data-field='{field}']").get_by_role("button", name="Insert data").first.click()
    page.get_by_role("dialog", name="Insert data").locator("[data-pick]").get_by_text(title, exact=True).last.click()


def published_and_run(page: Page, built: Builder) -> Run:
    expect(page.get_by_text("No problems")).to_be_visible()
    built.saved()
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Version 1").first).to_be_visible()
    page.goto(f"/workflows/{built.workflow.pk}/")
    page.get_by_role("button", name="Start the workflow").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    run = carried(Run.objects.get())
    assert run.status == "succeeded", run.error
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=15_000)
    return run
