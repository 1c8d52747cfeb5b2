"""From the browser alone: an AI gets a task and a tool, works with it, and the run shows each use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from departments.access import actor_for_user
from departments.models import Role, User
from tests import factories
from tests.browser.build import Builder
from tests.scripted_provider import MODEL, ScriptedProvider, gives, scripted_provider
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.services.workflows import publish_workflow

__all__ = ["scripted_provider"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_tool_is_put_together_used_and_seen(
    page: Page, sign_in: Callable[[User], None], scripted_provider: ScriptedProvider, seen: Callable[[str], None]
) -> None:
    legal = factories.make_department("Legal")
    britta = factories.make_user("Britta Falk", legal, Role.MANAGER)
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    workflow = published([{"id": "a", "kind": "text.compose", "with": {"text": "Hello"}}], legal, name="Press desk")
    sign_in(britta)

    built = Builder(page, workflow).open()
    built.add(built.end(), "agent")
    page.locator("#f-with-instructions-box").fill("Find out whether we have answered them before.")
    tool = page.locator("[data-key='way:arms.0']")
    page.locator("#f-way-arms-0-title").fill("Search the archive")
    tool.get_by_label("What it is good for").fill("Finds what we have answered before")
    tool.get_by_role("button", name="Add a field").click()
    page.locator("#f-way-arms-0-takes-0-name").fill("query")
    page.keyboard.press("Tab")
    built.saved()
    seen("agent-panel")
    built.add(page.locator("#seq .bd-way .bd-plus").first, "compose")
    page.locator("#f-with-text-box").fill("Nothing about {{ call.query }}")
    page.keyboard.press("Tab")
    built.saved()
    expect(page.get_by_text("No problems")).to_be_visible()
    seen("agent-column")

    workflow.refresh_from_db()
    publish_workflow(workflow, note="", actor=actor_for_user(britta))
    scripted_provider.script = [
        gives({"why": "To see the archive.", "next": {"tool": "search_the_archive", "with": {"query": "Ada"}}}),
        gives({"why": "Enough.", "next": {"tool": "finish", "answer": "No, never."}}),
    ]
    run = carried(run_of(workflow))
    assert run.status == "succeeded", run.error
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_text("used a tool once")).to_be_visible()
    expect(page.get_by_text("Search the archive · use 1")).to_be_visible()
    seen("agent-run")
