"""From the browser alone: an account is connected, tried, renewed, used in a step, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from departments.access import actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.browser.build import Builder
from tests.imap_server import PASSWORD
from tests.mail_server import MailServer, only
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.services.workflows import publish_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]

TOKEN = "tok-51ac-unheard-of"


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    server = MailServer(authenticator=only("press", PASSWORD)).start()
    yield server
    with suppress(RuntimeError):
        server.stop()


@pytest.fixture
def legal(httpserver: HTTPServer, smtp: MailServer) -> Department:
    return factories.make_department(
        "Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}", f"private:smtp://127.0.0.1:{smtp.port}"]
    )


@pytest.fixture
def britta(legal: Department, sign_in: SignIn) -> User:
    builder = factories.make_user("Britta Falk", legal, Role.BUILDER)
    sign_in(builder)
    return builder


def test_a_service_is_connected_renewed_used_and_removed(
    page: Page, britta: User, legal: Department, httpserver: HTTPServer, seen: Seen
) -> None:
    signed = {"X-Api-Key": TOKEN}
    httpserver.expect_request("/v1/articles", headers=signed).respond_with_json([{"title": "A mention"}])
    httpserver.expect_request("/v1/me", headers=signed).respond_with_data("hello")
    httpserver.expect_request("/v1/me").respond_with_data("who?", status=401)
    workflow = published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], legal, name="Articles")

    page.goto("/")
    page.get_by_role("link", name="Connections").click()
    expect(page.get_by_text("Nothing is connected yet.")).to_be_visible()
    page.get_by_role("link", name="Connect an account").first.click()
    seen("connections-choose")
    page.get_by_role("link", name="A service over HTTP").click()
    page.get_by_label("Name", exact=True).fill("Article archive")
    page.get_by_label("Address", exact=True).fill(httpserver.url_for("/v1"))
    page.get_by_label("How it signs in").select_option("header")
    page.get_by_label("Name of the header or parameter").fill("X-Api-Key")
    page.get_by_label("Token, password or key").fill("mistyped-key-here")
    page.get_by_text("More settings").click()
    page.get_by_label("What to read for a test").fill("/me")
    seen("connection-new")
    page.get_by_role("button", name="Connect and test").click()

    expect(page.get_by_text("is kept, but does not work yet.")).to_be_visible()
    expect(page.get_by_text("does not work", exact=True)).to_be_visible()
    assert "mistyped-key-here" not in page.content()
    seen("connection-fails")

    page.get_by_label("Token, password or key").fill(TOKEN)
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("It works. It answered with 200.")).to_be_visible()
    assert TOKEN not in page.content()

    built = Builder(page, workflow).open()
    built.add(built.end(), "http")
    page.get_by_label("Connection").select_option(label="Article archive")
    page.locator("#f-with-url-box").fill("/articles")
    page.keyboard.press("Tab")
    built.saved()
    expect(page.get_by_text("No problems")).to_be_visible()
    workflow.refresh_from_db()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))
    run = carried(run_of(workflow))
    assert (run.status, run.steps.get(kind="http.request").output["data"]) == ("succeeded", [{"title": "A mention"}])

    page.goto("/connections/")
    expect(page.get_by_text("used by 1 workflow")).to_be_visible()
    seen("connections")
    page.get_by_role("link", name="Article archive").click()
    expect(page.get_by_role("link", name="Articles")).to_be_visible()
    seen("connection")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog", name="Remove “Article archive”?")).to_contain_text("1 workflow names it")
    seen("connection-remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("its secrets are gone")).to_be_visible()


def test_a_mailbox_is_connected_and_sends(
    page: Page, britta: User, legal: Department, smtp: MailServer, seen: Seen
) -> None:
    page.goto("/connections/new/?connector=email")
    page.get_by_label("Name", exact=True).fill("Press mailbox")
    page.get_by_label("Address", exact=True).fill("press@house.example")
    page.get_by_label("User name").fill("press")
    page.get_by_label("Server for sending (SMTP)").fill("127.0.0.1")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_text("More settings").click()
    page.get_by_label("How sending is secured").select_option("none")
    page.get_by_label("Port for sending").fill(str(smtp.port))
    seen("connection-mailbox")
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text("It works. The server for sending lets us in.")).to_be_visible()

    workflow = published([{"id": "a", "kind": "text.compose", "with": {"text": "Hello"}}], legal, name="Letters")
    built = Builder(page, workflow).open()
    built.add(built.end(), "send an e-mail")
    page.get_by_label("Mailbox").select_option(label="Press mailbox")
    for name, value in {"to": "ada@example.org", "subject": "News", "text": "All is well."}.items():
        page.locator(f"#f-with-{name}-box").fill(value)
    page.keyboard.press("Tab")
    seen("connection-in-a-step")
    expect(page.get_by_text("No problems")).to_be_visible()
    built.saved()
    workflow.refresh_from_db()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))

    run = carried(run_of(workflow))

    assert run.status == "succeeded", run.error
    assert [receivers for receivers, _ in smtp.taken] == [["ada@example.org"]]
