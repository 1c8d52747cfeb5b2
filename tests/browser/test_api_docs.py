"""The page that describes the REST API, open to anybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_api_is_described_on_a_page_without_a_script_of_its_own(page: Page, seen: Callable[[str], None]) -> None:
    page.goto("/api/v1/docs")
    page.get_by_role("link", name="runs", exact=True).click()

    page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")

    assert page.locator("article", has_text="POST /api/v1/workflows/{id}/runs").get_by_text("inputs").first.is_visible()
    seen("api-docs")
