"""A manager makes a token, uses it and ends it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests.factories import make_department, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_manager_makes_a_token_uses_it_and_ends_it(
    page: Page, sign_in: Callable[[User], None], seen: Callable[[str], None]
) -> None:
    legal = make_department("Legal")
    sign_in(make_user("Henrik", department=legal, role=Role.MANAGER))

    page.goto(f"/departments/{legal.slug}/")
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("Name").fill("Contract archive")
    page.get_by_label("start and stop runs").check()
    page.get_by_label("read", exact=True).check()
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("code", has_text="tdm_").first.inner_text()
    me = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert me.json()["department"]["slug"] == "legal"
    seen("tokens")

    page.get_by_role("button", name="End it Contract archive").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(page.get_by_text("is refused from now on")).to_be_visible()
    assert page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status == 401
