"""Choosing mail about tasks, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests.factories import make_department, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_person_chooses_the_daily_summary_from_the_menu_of_the_account(
    page: Page, sign_in: Callable[[User], None], seen: Callable[[str], None]
) -> None:
    lea = make_user("Lea Hoffmann", make_department("Legal"), Role.APPROVER)
    sign_in(lea)

    page.goto("/")
    page.get_by_role("button", name="Account of Lea Hoffmann").click()
    seen("account-menu")
    page.get_by_role("link", name="My mail").click()
    expect(page.get_by_role("radio", name="At once")).to_be_checked()
    seen("mail-choice")
    page.get_by_role("radio", name="At once").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Save").press("Enter")

    expect(page.get_by_text("Your choice has been saved.")).to_be_visible()
    expect(page.get_by_role("radio", name="Once a day")).to_be_checked()
    lea.refresh_from_db()
    assert lea.mail_about_tasks == "daily"
