"""From the browser alone: another system is told what happens, and what came of each message is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from departments.models import Role, User
from tests import factories
from tests.workflows.runtime.harness import published
from workflows.models import Delivery, Subscription
from workflows.services import delivering

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def carry() -> None:
    subscription = Subscription.objects.get()
    lease = delivering.take(subscription.pk)
    assert lease is not None
    delivering.carry(subscription.pk, lease)


def test_an_address_is_added_tested_and_told_again(
    page: Page, sign_in: Callable[[User], None], seen: Callable[[str], None], httpserver: HTTPServer
) -> None:
    there = httpserver.url_for("/hooks/4711")
    legal = factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])
    published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], legal, name="Press desk")
    sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))
    got: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        got.append(request)
        return Response("The archive is full.", 507) if len(got) == 1 else Response("Kept.")

    httpserver.expect_request("/hooks/4711").respond_with_handler(answer)

    page.expected = ("422",)
    page.goto("/connections/")
    page.get_by_role("link", name="Tell other systems").click()
    page.get_by_role("link", name="Add an address").first.click()
    page.get_by_label("Address").fill("https://nowhere.example/")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("not among the hosts that Legal may reach")).to_be_visible()
    page.get_by_label("Address").fill(there)
    page.get_by_label("A person is asked").check()
    page.get_by_label("Name · optional").fill("Archive")
    page.get_by_role("button", name="Set up").click()
    secret = page.locator("code", has_text="whsec_").inner_text()

    page.get_by_role("button", name="Send a test event").click()
    expect(page.get_by_text("A test event is on its way.")).to_be_visible()
    carry()
    page.reload()
    expect(page.get_by_text("The archive is full.")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    carry()
    page.reload()
    expect(page.get_by_text("Kept.")).to_be_visible()
    seen("events-delivery")
    assert Webhook(secret).verify(got[1].get_data(), dict(got[1].headers))["type"] == "tandem.test"

    page.get_by_role("link", name="Archive").click()
    assert Delivery.objects.count() == 1
    seen("events-one")
    page.get_by_role("link", name="Tell other systems").click()
    expect(page.get_by_text("arrives", exact=True)).to_be_visible()
