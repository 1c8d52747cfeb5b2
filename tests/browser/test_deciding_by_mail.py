"""From the question of a run to a mail on real SMTP, to the link in it, to a decision, and on with the run."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from departments import notices
from departments.access import SYSTEM
from departments.models import Department, Role, User
from departments.services import change_deciding_by_mail
from tests import factories
from tests.departments.conftest import server
from tests.mail_server import MailServer
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Decision, Run
from workflows.runtime.scheduler import Scheduler
from workflows.services import task_clock

__all__ = ["server"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"
SEND = {
    "id": "send",
    "kind": "connector.planned",
    "with": {"system": "Newsletter", "does": "send it", "to": "all@example.org", "message": "{{ steps.ask.text }}"},
}
DRAFT = "We open a second branch in Malmö on Monday.\n\nEverybody is welcome, coffee is on us."


@pytest.fixture(autouse=True)
def _mails_lead_here(settings: Settings, live_server: LiveServer) -> None:
    settings.PUBLIC_URL = live_server.url


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def ada(legal: Department) -> User:
    return factories.make_user("Ada Lind", legal, Role.APPROVER, PASSWORD, email="ada@house.example")


def asking(legal: Department) -> Run:
    asks = {
        "question": "May this announcement go out?",
        "draft": DRAFT,
        "show": {"Audience": "Customers in Sweden", "Sources": "the opening plan"},
        "due_hours": 24,
        "sends": "send",
    }
    return carried(run_of(published([{"id": "ask", "kind": "people.review", "with": asks}, SEND], legal)))


def link_in_mail(server: MailServer) -> str:
    """What the scheduler does: one round of its sweep, then what its mail thread does."""
    assert Scheduler(task_clock.strike).tick() >= 1
    assert notices.send_due() == 1
    [(_, message)] = server.taken
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    return re.findall(r'href="(http[^"]+/decide/[^"]+)"', html)[0]


def test_a_decision_from_a_mail_carries_the_run_on(
    page: Page,
    legal: Department,
    ada: User,
    server: MailServer,
    seen: Callable[[str], None],
) -> None:
    run = asking(legal)
    link = link_in_mail(server)

    page.goto(link)
    assert "/accounts/login/" in page.url
    page.get_by_label("E-mail address").fill(ada.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="May this announcement go out?")).to_be_visible()
    expect(page.get_by_text("all@example.org")).to_be_visible()
    seen("decide-by-mail")
    page.get_by_role("button", name="Approve and send").click()
    expect(page.get_by_text("You have approved this.")).to_be_visible()
    seen("decide-by-mail-done")

    assert carried(run).status == "succeeded"
    assert list(Decision.objects.values_list("by_label", "via")) == [("Ada Lind", "mail")]


def test_the_same_link_asks_for_a_sign_in_until_the_manager_lets_it_be_enough(
    page: Page,
    legal: Department,
    ada: User,
    server: MailServer,
    sign_in: Callable[[User], None],
    seen: Callable[[str], None],
) -> None:
    asking(legal)
    link = link_in_mail(server)
    page.goto(link)
    assert "/accounts/login/" in page.url

    sign_in(factories.make_user("Mona Lund", legal, Role.MANAGER))
    page.goto("/departments/legal/")
    switch = page.get_by_role("switch", name="A link is enough: nobody needs to sign in")
    switch.focus()
    page.keyboard.press("Space")
    seen("department-by-mail")
    page.get_by_role("button", name="Save how a mail decides").click()
    expect(page.get_by_text("From now on the link in a mail is enough.")).to_be_visible()
    expect(switch).to_be_checked()
    page.context.clear_cookies()
    page.goto(link)
    page.get_by_role("button", name="Approve and send").click()

    expect(page.get_by_text("You have approved this.")).to_be_visible()
    assert list(Decision.objects.values_list("by_label", "via")) == [("Ada Lind", "mail")]


def test_where_the_link_is_enough_a_refusal_needs_a_reason_and_no_sign_in(
    page: Page,
    legal: Department,
    ada: User,
    server: MailServer,
    seen: Callable[[str], None],
) -> None:
    change_deciding_by_mail(legal, without_sign_in=True, actor=SYSTEM)
    run = asking(legal)
    link = link_in_mail(server)

    page.goto(link)
    page.get_by_text("Reject…").click()
    seen("decide-by-mail-reject")
    page.get_by_label("Why?").fill("The lease is not signed yet.")
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.get_by_text("You have rejected this.")).to_be_visible()
    expect(page.get_by_text("The lease is not signed yet.")).to_be_visible()

    run = carried(run)
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "rejected")


def test_a_link_for_somebody_else_is_a_friendly_page(
    page: Page,
    legal: Department,
    ada: User,
    server: MailServer,
    sign_in: Callable[[User], None],
    seen: Callable[[str], None],
) -> None:
    page.expected = ("404",)  # type: ignore[attr-defined]
    asking(legal)
    link = link_in_mail(server)
    sign_in(factories.make_user("Ben", legal, Role.MANAGER))

    page.goto(link)

    expect(page.get_by_role("heading", name="There is nothing here for you")).to_be_visible()
    seen("decide-by-mail-unknown")
