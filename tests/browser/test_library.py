"""The library in a real browser: found, read, changed, archived; and in the panel of a step."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from departments.access import SYSTEM
from departments.models import Department
from tests.factories import make_version, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import SavedStep, Workflow
from workflows.services import copies, drafting
from workflows.services.saving import add_version, keep_prompt, rewrite_prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INSTRUCTIONS = "Answer the journalist politely, in three sentences. Promise nothing that we have not decided."
DRAFT: dict[str, Any] = {
    "format": 1,
    "name": "Answer the press",
    "inputs": {"mention": {"type": "long_text", "title": "The mention"}},
    "steps": [
        {
            "id": "draft",
            "kind": "ai.write",
            "title": "Draft an answer",
            "with": {"instructions": INSTRUCTIONS, "material": "{{ inputs.mention }}"},
        },
        {
            "id": "ask",
            "kind": "people.approve",
            "title": "Ask the press officer",
            "with": {"question": "May this go out?", "person": "paula@acme-bank.example"},
        },
    ],
}


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department("Communications")


def a_workflow(department: Department, name: str = "Answer the press") -> Workflow:
    return make_workflow(department, definition={**DRAFT, "name": name}, name=name)


def a_saved_draft(department: Department) -> tuple[Workflow, SavedStep]:
    """A draft whose first step is saved, in a workflow that is published with it."""
    workflow = a_workflow(department)
    saved = copies.save_steps(
        workflow, ["draft"], title="Polite answer", note="How we write to journalists.", actor=SYSTEM
    ).saved
    workflow.refresh_from_db()
    make_version(workflow)
    return workflow, saved


def with_a_newer_version(saved: SavedStep, text: str) -> None:
    content = saved.versions.get(number=saved.newest).content
    steps = [{**content["steps"][0], "with": {**content["steps"][0]["with"], "instructions": text}}]
    add_version(saved, {**content, "steps": steps}, why="The board asked for it", actor=SYSTEM)


def test_an_empty_library_says_how_it_is_filled(scene: Scene, page: Page, sign_in, seen):
    sign_in(scene.builder)

    page.goto("/library/")

    expect(page.get_by_role("heading", name="The library is empty")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="Library")).to_have_attribute("aria-current", "page")
    seen("library-empty")


def test_the_library_is_searched_and_filtered_while_typing(scene: Scene, page: Page, sign_in, seen):
    a_saved_draft(scene.department)
    keep_prompt(scene.department, "Write as a colleague would.", title="Plain tone", actor=SYSTEM)
    sign_in(scene.viewer)

    page.goto("/library/")
    expect(page.get_by_role("link", name="Polite answer")).to_be_visible()
    expect(page.get_by_text("1 workflow", exact=True)).to_be_visible()
    seen("library")
    page.get_by_label("Kind").select_option(label="Prompt")

    expect(page.get_by_role("link", name="Polite answer")).to_have_count(0)
    expect(page.get_by_role("link", name="Plain tone")).to_be_visible()
    page.get_by_role("searchbox").fill("zebra")
    expect(page.get_by_role("heading", name="Nothing in the library fits")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=zebra&kind=prompt"))


def test_a_saved_step_tells_where_it_is_used_and_updates_every_draft(scene: Scene, page: Page, sign_in, seen):
    workflow, saved = a_saved_draft(scene.department)
    with_a_newer_version(saved, INSTRUCTIONS.replace("three", "two"))
    sign_in(scene.builder)

    page.goto("/library/")
    page.get_by_role("link", name="Polite answer").click()
    expect(page.get_by_text("draft: version 1 · published: version 1")).to_be_visible()
    seen("library-one")
    page.get_by_role("link", name="Version 2").click()
    expect(page.locator("ins", has_text="two")).to_be_visible()
    seen("library-version")
    page.go_back()
    page.get_by_role("button", name="Update all drafts…").click()
    page.get_by_role("button", name="Update the drafts").click()

    expect(page.get_by_text("1 draft was updated.")).to_be_visible()
    expect(page.get_by_text("draft: version 2 · published: version 1")).to_be_visible()
    workflow.refresh_from_db()
    assert workflow.draft["steps"][0]["saved"] == "polite-answer@2"


def test_a_prompt_is_written_changed_and_archived(scene: Scene, page: Page, sign_in, seen):
    page.expected = ("422",)
    sign_in(scene.builder)

    page.goto("/library/")
    page.get_by_role("link", name="New prompt").click()
    page.get_by_label("Title").fill("Plain tone")
    page.get_by_role("textbox", name="The text").fill("Write as a colleague would.")
    seen("prompt-new")
    page.get_by_role("button", name="Keep it in the library").click()
    expect(page.get_by_role("heading", name="Plain tone")).to_be_visible()
    page.get_by_role("textbox", name="The text").fill("Write as a good colleague would.")
    page.get_by_label("What did you change, and why?").fill("Kinder")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    seen("prompt")

    prompt = SavedStep.objects.get()
    rewrite_prompt(prompt, "Somebody else was first.", why="", actor=SYSTEM)
    page.get_by_role("textbox", name="The text").fill("Write as the best colleague would.")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Somebody else saved version 3")).to_be_visible()
    expect(page.get_by_role("textbox", name="The text")).to_have_value("Write as the best colleague would.")
    page.get_by_role("button", name="Archive").click()
    seen("prompt-archive")
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()

    expect(page.get_by_text("“Plain tone” is archived.")).to_be_visible()
    page.get_by_role("link", name="Archived").click()
    page.get_by_role("link", name="Plain tone").click()
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_text("“Plain tone” is in the library again.")).to_be_visible()


def opened(page: Page, workflow: Workflow, step: str = "draft") -> Page:
    """The build page with the step's panel, its library part open."""
    page.goto(f"/workflows/{workflow.pk}/build/")
    page.locator(f"#card-{step}, #step-{step} [data-open]").first.click()
    library = page.locator("#saved")
    expect(library).to_be_visible()
    if library.locator("details").get_attribute("open") is None:
        library.locator("summary").click()
    return page


def test_a_step_is_saved_from_its_panel_after_a_look_at_what_others_will_read(scene: Scene, page: Page, sign_in, seen):
    workflow = a_workflow(scene.department)
    sign_in(scene.builder)

    opened(page, workflow)
    page.get_by_role("button", name="Save to library…").click()
    expect(page.get_by_label("Title in the library")).to_be_focused()
    page.get_by_label("What to save").select_option(label="2 steps, up to “Ask the press officer”")
    expect(page.locator("#saved").get_by_text("paula@acme-bank.example", exact=True)).to_be_visible()
    expect(page.locator("#saved").get_by_text("The mention")).to_be_visible()
    page.get_by_label("Title in the library").fill("Answer and ask")
    seen("panel-save")
    page.get_by_role("button", name="Save to library", exact=True).click()

    expect(page.locator("#saved").get_by_role("link", name="Answer and ask")).to_be_visible()
    workflow.refresh_from_db()
    assert [step["saved"] for step in workflow.draft["steps"]] == ["answer-and-ask@1", "answer-and-ask@1#2"]


def test_an_update_is_read_before_it_is_taken_and_can_be_undone(scene: Scene, page: Page, sign_in, seen):
    workflow, saved = a_saved_draft(scene.department)
    with_a_newer_version(saved, INSTRUCTIONS.replace("three", "two"))
    sign_in(scene.builder)

    opened(page, workflow)
    expect(page.get_by_text("update available")).to_be_visible()
    page.get_by_role("button", name="What changes?").click()
    expect(page.locator("#saved-more ins", has_text="two")).to_be_visible(timeout=15_000)
    seen("panel-update")
    page.get_by_role("button", name="Update here").click()

    expect(page.get_by_text("update available")).to_have_count(0)
    expect(page.locator("#panel")).to_contain_text("in two sentences")
    workflow.refresh_from_db()
    assert workflow.draft["steps"][0]["saved"] == "polite-answer@2"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("update available")).to_be_visible()


def test_what_was_changed_here_goes_to_the_library_or_is_put_back(scene: Scene, page: Page, sign_in, seen):
    workflow, saved = a_saved_draft(scene.department)
    change = {"do": "change", "step": "draft", "field": "with.tone", "value": "warm"}
    drafting.edit_draft(workflow, change, actor=SYSTEM)
    sign_in(scene.builder)

    opened(page, workflow)
    expect(page.get_by_text("changed here", exact=True)).to_be_visible()
    page.get_by_role("button", name="Save as version 2…").click()
    page.get_by_label("Why?").fill("Warmer")
    seen("panel-version")
    page.get_by_role("button", name="Save as version 2", exact=True).click()

    expect(page.locator("#saved")).to_contain_text("Polite answer, version 2")
    assert saved.versions.get(number=2).note == "Warmer"
    page.get_by_role("button", name="Detach", exact=True).click()
    expect(page.get_by_role("button", name="Save to library…")).to_be_visible(timeout=30_000)


def test_a_prompt_is_put_into_a_text_by_keyboard_alone(scene: Scene, page: Page, sign_in, seen):
    workflow = a_workflow(scene.department)
    keep_prompt(scene.department, "Write as a colleague would.", title="Plain tone", actor=SYSTEM)
    sign_in(scene.builder)

    opened(page, workflow)
    page.get_by_role("button", name="Use a saved prompt…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Plain tone")).to_be_focused()
    page.keyboard.press("Space")
    seen("panel-prompts")
    page.get_by_role("button", name="Use this prompt").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#saved")).to_contain_text("“What to write” is the prompt")
    workflow.refresh_from_db()
    assert workflow.draft["steps"][0]["prompts"] == {"instructions": "plain-tone@1"}
