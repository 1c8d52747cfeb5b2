"""From the browser alone: a person signs in at another system's own page, and a workflow reads there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests import factories
from tests.oauth_server import CLIENT, AuthServer, auth_server
from tests.workflows.runtime.harness import carried, published, run_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with auth_server() as running:
        yield running


def test_somebody_signs_in_there_and_comes_back(
    page: Page, sign_in: Callable[[User], None], server: AuthServer, seen: Callable[[str], None]
) -> None:
    legal = factories.make_department("Legal", egress_hosts=[f"private:{server.at}"])
    sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))

    page.goto("/connections/new/?connector=http")
    page.get_by_label("Name", exact=True).fill("Article archive")
    page.get_by_label("Address", exact=True).fill(f"{server.at}/api")
    page.get_by_label("How it signs in").select_option("oauth_person")
    page.get_by_label("Where one signs in").fill(f"{server.at}/authorize")
    page.get_by_label("Where tokens are given").fill(f"{server.at}/token")
    page.get_by_label("Id of the app").fill(CLIENT)
    page.get_by_label("Token, password or key").fill(server.secret)
    page.get_by_text("More settings").click()
    page.get_by_label("What to read for a test").fill("/me")
    seen("connection-oauth-new")
    server.redirects.add(page.locator("code", has_text="signed-in").inner_text())
    page.get_by_role("button", name="Connect and test").click()

    expect(page.get_by_text("Nobody has signed in yet. Until then no step")).to_be_visible()
    seen("connection-oauth-nobody")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{server.at}/authorize**")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("You are signed in, and it works. It answered with 200.")).to_be_visible()
    seen("connection-oauth-signed-in")

    asks = {"id": "a", "kind": "http.request", "with": {"connection": "article-archive", "url": "/articles"}}
    run = carried(run_of(published([asks], legal, name="Articles")))
    assert run.status == "succeeded", run.error
