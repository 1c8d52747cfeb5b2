"""How the build page looks: each of its states in three widths, light and dark. Nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.build import Builder
from tests.factories import make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Sample

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Opened = Callable[[dict[str, Any]], Builder]
INPUTS = {
    "article": {"type": "long_text", "title": "Article"},
    "markets": {"type": "list", "title": "Markets"},
}


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture
def opened(scene: Scene, page: Page, sign_in: Any) -> Opened:
    def opened(definition: dict[str, Any]) -> Builder:
        workflow = make_workflow(scene.department, {"format": 1, "inputs": INPUTS, **definition})
        sign_in(scene.builder)
        return Builder(page, workflow).open()

    return opened


def text(step_id: str, title: str, said: str = "We understand that this is hard.", **more: Any) -> dict[str, Any]:
    return {"id": step_id, "kind": "text.compose", "title": title, "with": {"text": said}, **more}


def way(title: str, label: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "when": {"all": [{"value": "{{ steps.tone.label }}", "is": "equal", "to": label}]},
        "steps": list(steps),
    }


def sorted_by_tone() -> dict[str, Any]:
    given = {"text": "{{ inputs.article }}", "labels": ["positive", "neutral", "negative"]}
    return {"id": "tone", "kind": "ai.classify", "title": "How does it speak about us?", "with": given}


def containers() -> list[dict[str, Any]]:
    """A branch of four ways, in one of them a branch again; parallel arms; a loop."""
    inner = {
        "id": "how_bad",
        "kind": "flow.branch",
        "title": "How bad is it?",
        "cases": [way("very", "negative", text("call", "Call the editor")), way("a little", "neutral")],
        "otherwise": [text("wait", "Wait for a day")],
    }
    branch = {
        "id": "route",
        "kind": "flow.branch",
        "title": "What becomes of it?",
        "cases": [
            way("it is negative", "negative", text("answer", "Draft an answer"), inner),
            way("it is neutral", "neutral", text("file", "File it")),
            way("it is positive", "positive", text("thank", "Thank the author"), text("share", "Share it")),
        ],
        "otherwise": [],
    }
    arms = [
        {"title": "Sweden", "steps": [text("se", "In Swedish")]},
        {"title": "Germany", "steps": [text("de", "In German")]},
    ]
    loop = {
        "id": "each",
        "kind": "flow.for_each",
        "title": "For each market",
        "with": {"items": "{{ inputs.markets }}"},
        "steps": [
            text("local", "Write for the market", "{{ item }}"),
            {"id": "both", "kind": "flow.parallel", "arms": arms},
        ],
    }
    return [sorted_by_tone(), branch, loop, text("end", "Put together")]


def nothing_scrolls_sideways(page: Page) -> None:
    """Neither the page nor the column: cards that have no room beside each other stand below each other."""
    for width in (360, 900, 1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate(
            "document.getElementById('flow').scrollWidth - document.getElementById('flow').clientWidth"
        )
        assert wide <= 0, f"the column is {wide} px too wide at {width}"


def test_a_small_draft(opened: Opened, seen: Any) -> None:
    opened(
        {
            "name": "Small",
            "steps": [sorted_by_tone(), text("note", "Note")],
            "output": {"note": "{{ steps.note.text }}"},
        }
    )

    seen("looks-small")


def test_branches_loops_and_arms_find_room_beside_the_open_panel(opened: Opened, seen: Any) -> None:
    built = opened({"name": "Containers", "steps": containers()})
    nothing_scrolls_sideways(built.page)
    seen("looks-containers")

    built.card("What becomes of it?").click()
    expect(built.page.get_by_role("heading", name="The ways, tried from the first on")).to_be_visible()

    nothing_scrolls_sideways(built.page)
    seen("looks-containers-panel")


def test_two_hundred_steps(opened: Opened, seen: Any) -> None:
    opened({"name": "Long", "steps": [text(f"s{number}", f"Step {number}") for number in range(200)]})

    seen("looks-long")


def test_problems_in_the_list_and_at_their_fields(opened: Opened, seen: Any) -> None:
    steps = [
        {"id": "tone", "kind": "ai.classify", "title": "Sort", "with": {"text": "{{ steps.gone.text }}"}},
        {"id": "gone_kind", "kind": "press.unknown", "title": "Unknown", "with": {}},
        {"id": "ask", "kind": "people.review", "title": "Review", "with": {"question": ""}},
    ]
    built = opened({"name": "Problems", "steps": steps, "output": {"tone": "{{ steps.nothing.label }}"}})

    built.page.locator("#problems-button").click()
    seen("looks-problems")
    built.page.keyboard.press("Escape")
    built.card("Sort").click()
    expect(built.page.locator("#panel [data-panel]")).to_be_visible()
    seen("looks-problems-panel")


def test_the_picker_the_conditions_and_the_fields_of_an_extraction(opened: Opened, page: Page, seen: Any) -> None:
    facts = {"id": "facts", "kind": "ai.extract", "title": "Facts", "with": {"text": "{{ inputs.article }}", "fields": [
        {"name": "author", "type": "text", "description": "Who wrote it"},
        {"name": "published", "type": "date", "description": "When it came out", "required": True},
    ]}}  # fmt: skip
    built = opened({"name": "Panels", "steps": [sorted_by_tone(), facts, *containers()[1:]]})
    Sample.objects.create(
        workflow=built.workflow,
        step_id="",
        output={"article": "Acme Bank closes forty branches.", "markets": ["Sweden"]},
    )

    built.card("Facts").click()
    expect(page.locator("#step-form")).to_be_visible()
    seen("looks-extract")
    page.locator("#step-form").get_by_role("button", name="Insert data").first.click()
    expect(page.get_by_role("dialog", name="Insert data").locator("[data-pick]").first).to_be_visible()
    seen("looks-picker")
    page.keyboard.press("Escape")
    built.card("Draft an answer").click()
    page.locator("#more-when summary").click()
    page.locator("#more-when").get_by_role("button", name="Add a condition").click()
    seen("looks-condition")


def test_the_form_of_a_review_with_everything_open(opened: Opened, page: Page, seen: Any) -> None:
    given = {"question": "May this go out?", "draft": "{{ steps.tone.label }}"}
    built = opened(
        {
            "name": "Review",
            "steps": [
                sorted_by_tone(),
                {"id": "ask", "kind": "people.review", "title": "Ask the press officer", "with": given},
            ],
        }
    )
    built.card("Ask the press officer").click()
    page.locator("#step-form").get_by_text("More settings").click()

    seen("looks-review")
