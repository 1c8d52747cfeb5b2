"""The administrator's desk in Tandem's own looks: the desk and a list with filters, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from departments.models import Role, User
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_administration_looks_like_the_rest(
    page: Page, live_server: LiveServer, sign_in: Callable[[User], None], seen: Callable[[str], None]
) -> None:
    administrator = factories.make_user(is_staff=True, is_superuser=True)
    legal = factories.make_department("Legal")
    factories.make_member(factories.make_user(), legal, Role.BUILDER)
    factories.make_run(factories.make_version(factories.make_workflow(legal)))
    sign_in(administrator)

    page.goto(f"{live_server.url}/admin/")
    seen("admin-desk")
    page.goto(f"{live_server.url}/admin/workflows/run/")
    seen("admin-runs")

    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}/admin/connectors/aimodel/add/")
    ends = "each => each.map(one => one.getBoundingClientRect().right)"
    card = page.locator("form fieldset.module").first.evaluate("card => card.getBoundingClientRect().right")
    assert max(page.locator("form .form-row :is(input, select, .help)").evaluate_all(ends)) < card
