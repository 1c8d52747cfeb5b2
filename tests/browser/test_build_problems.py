"""A problem of a step is said once in its panel: at the field where there is one, else on top."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.build import Builder
from tests.factories import make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LETTER = {"id": "letter", "kind": "text.compose", "title": "Letter", "with": {"text": "Dear reader"}}
GONE = 'The step "leter" does not exist.'
Opened = Callable[..., Builder]


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture
def opened(scene: Scene, page: Page, sign_in: Any) -> Opened:
    def opened(*steps: dict[str, Any], **more: Any) -> Builder:
        definition = {"format": 1, "name": "Letters", "steps": [LETTER, *steps], **more}
        sign_in(scene.builder)
        return Builder(page, make_workflow(scene.department, definition)).open()

    return opened


def second(**more: Any) -> dict[str, Any]:
    return {"id": "b", "kind": "text.compose", "title": "B", "with": {"text": "x"}, **more}


def described(page: Page, control: str) -> str:
    """What a screen reader says about the control beside its name."""
    ids = (page.locator(control).get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"[id='{one}']").text_content() or "" for one in ids)


def test_a_broken_reference_is_said_at_its_field_and_mended_there(opened: Opened, page: Page) -> None:
    opened(second(**{"with": {"text": "{{ steps.leter.text }}"}}))

    page.get_by_role("button", name="1 problem").click()
    page.locator("#problems").get_by_role("button", name=re.compile("leter")).first.click()
    box = page.locator("#f-with-text-box")
    expect(box).to_be_focused()

    expect(page.locator("#panel").get_by_text(GONE).locator("visible=true")).to_have_count(1)
    expect(page.locator("#f-with-text-error")).to_contain_text(GONE)
    assert GONE in described(page, "#f-with-text-box")
    expect(box).to_have_attribute("aria-invalid", "true")
    page.locator("#f-with-text-error").get_by_role("button", name=re.compile("Letter")).press("Enter")
    expect(page.get_by_text("No problems")).to_be_visible()
    expect(page.locator("#f-with-text-box")).to_be_focused()
    expect(page.locator("#f-with-text-error")).to_be_empty()


def test_what_is_missing_in_a_new_step_is_said_at_the_field_and_gone_once_it_is_there(
    opened: Opened, page: Page
) -> None:
    built = opened()
    built.add(built.end(), "compose")

    place = page.locator("#f-with-text-error")
    expect(place.locator(".bd-note")).to_have_count(1)
    expect(page.locator("#panel-problems > :visible")).to_have_count(0)
    page.locator("#f-with-text-box").fill("Yours sincerely")
    built.saved()

    expect(page.get_by_text("No problems")).to_be_visible()
    expect(place).to_be_empty()


def test_a_problem_in_closed_settings_stands_on_top_and_leads_to_its_field(opened: Opened, page: Page) -> None:
    built = opened(second(when={"all": []}))
    built.card("B").click()
    page.locator("#more-when > summary").click()

    told = page.locator("#panel-problems")
    expect(told.get_by_text("The condition is still empty.")).to_be_visible()
    told.get_by_role("button", name="The condition is still empty.").click()

    expect(page.locator("#more-when")).to_have_attribute("open", "")
    expect(page.locator("#f-when-when-error")).to_contain_text("The condition is still empty.")
    expect(told.locator("> :visible")).to_have_count(0)
    expect(page.locator("#more-when :focus")).to_be_visible()


def test_what_belongs_to_no_field_stands_on_top(opened: Opened, page: Page) -> None:
    built = opened({"id": "odd", "kind": "press.unknown", "title": "Odd", "with": {"a": "b"}})

    built.card("Odd").click()

    expect(page.locator("#panel-problems")).to_contain_text("There is no step kind called")
    page.locator("#panel-problems").get_by_role("button", name="Remove this step").click()
    built.expect_column("Letter")


def test_the_questions_and_results_say_theirs_at_their_fields(opened: Opened, page: Page) -> None:
    asked = {"market": {"type": "choice", "title": "Market", "choices": []}}
    built = opened(inputs=asked, output={"letter": "{{ steps.leter.text }}"})

    built.card("Result").click()
    expect(page.locator("#f-result-letter-value-error")).to_contain_text(GONE)
    assert GONE in described(page, "#f-result-letter-value-box")
    built.card("When somebody starts it").click()
    page.locator("#panel-problems").get_by_role("button", name=re.compile("at least one value")).click()

    expect(page.locator("#f-input-market-choices-error")).to_contain_text("at least one value")
    expect(page.locator("#panel-problems > :visible")).to_have_count(0)
