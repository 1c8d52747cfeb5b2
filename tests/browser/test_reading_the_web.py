"""From the browser alone: a feed and a web page are read in a workflow that a person builds, publishes and runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from departments.access import actor_for_user
from departments.models import Role, User
from tests import factories
from tests.browser.build import Builder
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.services.workflows import publish_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]

FEED = (
    "<rss version='2.0'><channel><title>The desk</title><item><title>It happened</title>"
    "<link>/news</link><description>&lt;p&gt;At noon.&lt;/p&gt;</description></item></channel></rss>"
)
PAGE = "<!doctype html><title>News</title><nav>Menu</nav><main><p>It happened at noon.</p></main>"


def test_a_feed_and_its_page_are_read(page: Page, httpserver: HTTPServer, sign_in: SignIn, seen: Seen) -> None:
    httpserver.expect_request("/feed.xml").respond_with_data(FEED, mimetype="application/rss+xml")
    httpserver.expect_request("/news").respond_with_data(PAGE, mimetype="text/html")
    legal = factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])
    britta = factories.make_user("Britta Falk", legal, Role.BUILDER)
    sign_in(britta)
    workflow = published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], legal, name="Mentions")

    built = Builder(page, workflow).open()
    built.add(built.end(), "feed")
    page.locator("#f-with-url-box").fill(httpserver.url_for("/feed.xml"))
    page.keyboard.press("Tab")
    built.saved()
    seen("build-feed")
    built.add(built.end(), "web page")
    page.locator("#f-with-url-box").fill("{{ steps.read_a_feed.entries[0].link }}")
    page.keyboard.press("Tab")
    built.saved()
    seen("build-web-page")
    expect(page.get_by_text("No problems")).to_be_visible()
    built.draft()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))
    run = carried(run_of(workflow))

    assert run.status == "succeeded", run.error
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_text("1 new entry")).to_be_visible()
    expect(page.get_by_text("News: 20 characters")).to_be_visible()
    seen("run-of-feed")
