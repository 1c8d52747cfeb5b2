"""A review with people, a deadline and escalation, set up by mouse; its card says whom it asks and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role
from tests.browser.build import Builder
from tests.factories import make_group, make_user, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.runtime.harness import silent_broker
from workflows.models import Workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = [{"id": "draft", "kind": "text.compose", "title": "Draft", "with": {"text": "We are sorry."}}]
Seen = Callable[[str], None]


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with silent_broker():
        yield


@pytest.fixture
def built(scene: Scene, page: Page, sign_in: Any) -> Builder:
    make_group(scene.department, scene.approver, name="Counsel", slug="counsel")
    make_user("Ada Ekman", scene.department, Role.APPROVER, email="ada@tandem.example")
    make_user("Bo Nilsson", scene.department, Role.MANAGER, email="bo@tandem.example")
    workflow = make_workflow(scene.department, {"format": 1, "name": "Answers", "steps": STEPS})
    sign_in(scene.builder)
    page.set_viewport_size({"width": 1600, "height": 1000})
    return Builder(page, workflow).open()


def row_of(page: Page, field: str, name: str) -> Any:
    return page.locator(f"[data-field='with-{field}']").get_by_role("group", name=name, exact=True)


def given(workflow: Workflow) -> dict[str, Any]:
    workflow.refresh_from_db()
    return workflow.draft["steps"][1]["with"]


def test_whom_a_review_asks_until_when_and_who_else_is_set_up_by_mouse(built: Builder, page: Page, seen: Seen) -> None:
    built.add(built.end(), "review")
    form = page.locator("#step-form")
    form.get_by_role("textbox", name="Question").fill("May this answer go out?")
    page.locator("[data-field='with-draft']").get_by_role("button", name="Insert data").click()
    page.get_by_role("dialog", name="Insert data").locator("[data-pick]").first.click()
    form.get_by_label("Or one person").first.select_option("ada@tandem.example")
    form.get_by_role("textbox", name="Hours to decide").fill("24")
    form.get_by_text("More settings").click()

    form.get_by_role("button", name="Add a stage").click()
    row_of(page, "then", "Stage 1").get_by_label("Or a group").select_option(label="Counsel")
    form.get_by_role("button", name="Add others to ask").click()
    others = row_of(page, "escalate", "Others 1")
    others.get_by_role("textbox", name="After hours").fill("8")
    others.get_by_label("Or one person").select_option("bo@tandem.example")
    form.get_by_label("When the time is over").select_option("hand_on")
    expect(form.get_by_role("group", name="Hand on to")).to_be_visible()
    form.get_by_role("group", name="Hand on to").get_by_label("Who decides").select_option("manager")
    page.evaluate("window.tandemForms.flush()")

    sentence = page.locator("#card-ask_for_a_review p").first
    expect(sentence).to_have_text(
        "Ask ada@tandem.example, then counsel to review Draft ▸ text, within 24 hours; after 8 also bo@tandem.example"
    )
    expect(page.get_by_text("No problems")).to_be_visible()
    asked = given(built.workflow)
    assert asked["then"] == [{"group": "counsel"}]
    assert asked["escalate"] == [{"after_hours": 8, "person": "bo@tandem.example"}]
    assert (asked["due_hours"], asked["at_end"]) == (24, "hand_on")
    seen("build-review-set-up")


def test_a_deadline_that_is_missing_is_said_where_others_are_to_be_asked(built: Builder, page: Page) -> None:
    built.add(built.end(), "review")
    form = page.locator("#step-form")
    form.get_by_text("More settings").click()

    form.get_by_role("button", name="Add others to ask").click()
    row_of(page, "escalate", "Others 1").get_by_role("textbox", name="After hours").fill("8")
    page.keyboard.press("Tab")
    told = page.locator("[data-field='with-escalate']").get_by_text("others to ask but no deadline")
    expect(told).to_be_visible()
    row_of(page, "escalate", "Others 1").get_by_role("button", name="Remove").click()

    expect(told).to_have_count(0)
    expect(form.get_by_role("button", name="Add others to ask")).to_be_focused()
