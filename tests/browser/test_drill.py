"""“What if the AI is away?” in a real browser: by mouse, by keyboard alone, and left again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.build import Builder
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MARKS = ".bd-drilled"


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def write(id: str, title: str, model: str = "", **rest: Any) -> dict[str, Any]:
    given = {"instructions": "Announce it.", **({"model": model} if model else {})}
    return {"id": id, "kind": "ai.write", "title": title, "with": given, **rest}


@pytest.fixture
def built(scene: Scene, page: Page, sign_in) -> Builder:
    far, near = (factories.make_provider(name=name) for name in ("Far away", "Near"))
    factories.make_model(far, name="usual-1", is_default=True)
    factories.make_model(near, name="small-1")
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "title": "For each channel",
        "with": {"items": ["a"]},
        "steps": [write("channel", "Write for the channel")],
    }
    steps = [write("draft", "Write the draft"), write("polish", "Polish it", "small-1"), each]
    steps.append(write("sum", "Sum it up", on_error="continue"))
    workflow = factories.make_workflow(scene.department, {"format": 1, "name": "News", "steps": steps})
    sign_in(scene.builder)
    return Builder(page, workflow).open()


def marked(page: Page) -> list[str]:
    return page.locator(f".bd-card:has({MARKS}) .bd-open").all_inner_texts()


def test_the_drill_marks_what_would_stop_and_a_person_is_asked_by_one_click_that_can_be_undone(
    built: Builder, page: Page, seen: Callable[[str], None]
) -> None:
    page.get_by_role("button", name="What if the AI is away?").click()
    expect(page.get_by_text("The run would stop at 3 steps of 4 that ask this AI.").first).to_be_visible()
    expect(page.locator(MARKS)).to_have_count(3)
    assert marked(page) == ["Write the draft", "Polish it", "Write for the channel"]
    expect(page.locator("#said")).to_have_text("The run would stop at 3 steps of 4 that ask this AI.")
    expect(built.card("Polish it")).to_have_accessible_description("If the AI is away, the run stops here.")
    seen("drill")

    page.get_by_label("Which AI is away").select_option("provider:Near")
    expect(page.locator(MARKS)).to_have_count(1)
    assert marked(page) == ["Polish it"]
    page.get_by_role("button", name="Ask a person instead Polish it").click()
    expect(page.locator(MARKS)).to_have_count(0)
    expect(page.locator("#said")).to_have_text("The run would stop nowhere: each step has another way.")
    seen("drill-nowhere")
    page.get_by_label("Which AI is away").select_option("")
    page.get_by_role("button", name="Ask a person at all 2").click()
    expect(page.locator(MARKS)).to_have_count(0)
    assert [step.get("on_error") for step in built.draft()["steps"]] == ["ask", "ask", None, "continue"]

    page.get_by_role("button", name="Undo").click()
    expect(page.locator(MARKS)).to_have_count(2)
    page.get_by_role("button", name="Leave the drill").click()
    expect(page.locator(MARKS)).to_have_count(0)
    expect(page.locator("#drill")).to_be_hidden()
    expect(built.card("Write the draft")).to_have_accessible_description("")


def test_by_keyboard_alone_the_drill_leads_to_a_card_and_back(built: Builder, page: Page) -> None:
    button = page.get_by_role("button", name="What if the AI is away?")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What if the AI is away?")).to_be_focused()
    page.get_by_role("button", name="Ask a person instead Write the draft").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ask a person instead Polish it")).to_be_focused()

    page.get_by_role("button", name="Write for the channel", exact=True).first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel [data-panel]")).to_have_attribute("data-panel", "step:channel")
    expect(built.card("Write for the channel")).to_be_focused()
    page.get_by_label("Which AI is away").focus()
    page.keyboard.press("Escape")

    expect(page.locator("#drill")).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_what_is_added_during_the_drill_is_marked_too(built: Builder, page: Page) -> None:
    page.get_by_role("button", name="What if the AI is away?").click()
    expect(page.locator(MARKS)).to_have_count(3)

    built.add(built.end(), "summarise")

    expect(page.locator(MARKS)).to_have_count(4)
