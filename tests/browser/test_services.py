"""From the browser alone: a service is imported, connected, its operation used in a step, and a danger is decided."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from connectors import made
from connectors.shipped import ensure_services
from departments.access import actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.browser.build import Builder
from tests.connectors.manifests.mcp_server import TOKEN, ToolServer
from tests.connectors.manifests.petshop import described
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.services.workflows import publish_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


def test_a_service_is_imported_connected_and_used(
    page: Page, sign_in: SignIn, legal: Department, httpserver: HTTPServer, seen: Seen
) -> None:
    britta = factories.make_user("Britta Falk", legal, Role.BUILDER)
    signed = {"X-Shop-Key": "unheard-of-key"}
    httpserver.expect_request("/openapi.json").respond_with_data(described(httpserver.url_for("/v1")))
    httpserver.expect_request("/v1/me", headers=signed).respond_with_json({"name": "Ada"})
    httpserver.expect_request("/v1/pets/7", method="DELETE", headers=signed).respond_with_data("", status=204)
    workflow = published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], legal, name="Pets")
    sign_in(britta)
    page.expected = ("422",)  # type: ignore[attr-defined]

    page.goto("/connections/")
    page.get_by_role("link", name="Imported services").click()
    expect(page.get_by_text("No service is imported yet.")).to_be_visible()
    page.get_by_role("link", name="Import a service").first.click()
    page.get_by_label("Choose a file").set_input_files(
        {"name": "pets.json", "mimeType": "application/json", "buffer": b"{}"}
    )
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("does not say “openapi”")
    seen("service-refused")
    page.get_by_label("Or where it lies").fill(httpserver.url_for("/openapi.json"))
    page.get_by_role("button", name="Import", exact=True).click()

    expect(page.get_by_text("0 of 5 are steps")).to_be_visible()
    seen("service")
    page.get_by_label("Search", exact=True).fill("remove")
    expect(page.locator("#operations li")).to_have_count(1)
    page.get_by_label("Remove a pet", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 of 5 is a step")).to_be_visible()
    page.get_by_role("link", name="Connect an account").click()
    page.get_by_label("Name", exact=True).fill("Our shop")
    page.get_by_label("Key in a header (X-Shop-Key)").fill("unheard-of-key")
    seen("service-connect")
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text("It works. It answered with 200.")).to_be_visible()
    page.goto("/connections/new/")
    seen("connections-choose-service")

    built = Builder(page, workflow).open()
    built.add(built.end(), "Remove a pet")
    page.get_by_label("Account", exact=True).select_option(label="Our shop")
    page.locator("#f-with-pet_id-box").fill("7")
    page.keyboard.press("Tab")
    built.saved()
    expect(page.get_by_text("No problems")).to_be_visible()
    seen("service-step")
    workflow.refresh_from_db()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))
    run = carried(run_of(workflow))
    assert run.status == "waiting"

    sign_in(factories.make_user("Ada Ekman", legal, Role.APPROVER))
    page.goto("/tasks/")
    page.get_by_role("link", name="May this be done in Pet shop: Remove a pet?").click()
    expect(page.get_by_text(f"DELETE {httpserver.url_for('/v1/pets/7')}")).to_be_visible()
    seen("service-danger")
    page.get_by_role("button", name="Approve").click()
    expect(page).to_have_url("/tasks/")
    assert carried(run).status == "succeeded"


def test_an_mcp_server_is_imported_and_connected(page: Page, sign_in: SignIn, seen: Seen) -> None:
    server = ToolServer().start()
    legal = factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{server.port}"])
    sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))
    try:
        page.goto("/connections/services/import/")
        page.get_by_label("Address of the server").fill(server.address)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Ask it for its tools").click()
        expect(page.get_by_text("0 of 2 are steps")).to_be_visible()
        page.get_by_label("Count words", exact=True).check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("1 of 2 is a step")).to_be_visible()
        seen("service-tools")
        assert TOKEN not in page.content()
        page.get_by_role("link", name="Connect an account").click()
        page.get_by_label("Name", exact=True).fill("Word desk")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Connect and test").click()
        expect(page.get_by_text("It works. It is Word desk and offers 2 tools.")).to_be_visible()
    finally:
        server.stop()


def test_a_shipped_service_asks_only_for_what_the_chosen_sign_in_needs(
    page: Page, sign_in: SignIn, legal: Department, seen: Seen
) -> None:
    made.forget()
    ensure_services()
    sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))

    page.goto("/connections/services/")
    seen("services")
    page.goto("/connections/new/?connector=jira")
    expect(page.get_by_label("Site")).to_be_visible()
    expect(page.get_by_label("User name")).to_be_visible()
    expect(page.get_by_label("Id of the app")).to_be_hidden()
    page.get_by_label("Server").select_option(label="Through Atlassian, with OAuth 2")
    page.get_by_label("How it signs in").select_option(label="With OAuth 2")
    expect(page.get_by_label("Cloud")).to_be_visible()
    expect(page.get_by_label("Site")).to_be_hidden()
    expect(page.get_by_label("Id of the app")).to_be_visible()
    expect(page.get_by_label("Rights")).to_have_value(re.compile("write:jira-work"))
    seen("service-connect-jira")
