"""Coming in, going out, and what stands around every page."""

from __future__ import annotations

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from audit.services import record
from departments.access import actor_for_user
from tests.factories import make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def test_one_signs_in_where_one_wanted_to_go_and_out_again(scene: Scene, page: Page, seen):
    scene.operator.set_password("correct horse battery")
    scene.operator.save()

    page.goto("/runs/")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    seen("sign-in")
    page.get_by_label("E-mail").fill(scene.operator.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    page.get_by_role("button", name="Account of Olga Lind").click()
    seen("account-menu")
    page.get_by_role("button", name="Sign out").click()

    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_an_auditor_reads_the_ledger(scene: Scene, page: Page, sign_in, seen):
    with transaction.atomic():
        record("run.started", actor=actor_for_user(scene.operator), department="marketing", thing=scenes.a_run(scene))
    sign_in(make_user("Ada Grün", is_auditor=True))

    page.goto("/")
    page.get_by_role("link", name="Ledger").click()

    expect(page.get_by_text("Olga Lind started")).to_be_visible()
    seen("ledger")


def test_the_keyboard_alone_reaches_the_content_first(scene: Scene, page: Page, sign_in):
    sign_in(scene.operator)

    page.goto("/workflows/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.get_by_role("searchbox")).to_be_focused()


def test_without_scripts_a_workflow_can_still_be_started(scene: Scene, browser, live_server, sign_in, context):
    sign_in(scene.operator)
    plain = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    plain.add_cookies(context.cookies())
    page = plain.new_page()

    page.goto(f"/workflows/{scene.workflow.pk}/")
    page.get_by_role("link", name="Fill in the sample").click()
    page.get_by_role("button", name="Start the workflow").click()

    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    plain.close()
