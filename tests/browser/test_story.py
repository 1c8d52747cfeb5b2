"""The whole story of a workflow: made from blank, each step tested, a mistake undone, published, run, its result read.

Once by mouse and once by keyboard alone. The worker is carried by the test, and a scripted provider speaks for the AI.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.build import Builder
from tests.scripted_provider import Reply, ScriptedProvider, gives, says, scripted_provider, smallest
from tests.workflows.gallery.cases import a_model
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, Workflow

__all__ = ["scripted_provider"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ARTICLE = "Acme Bank closes forty branches. A betrayal of elderly customers, says the union."
DRAFT = "We understand that this is hard."


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with silent_broker():
        yield


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    a_model(scripted_provider)
    scripted_provider.reply = answered
    return scripted_provider


def answered(asked: dict[str, Any]) -> Reply:
    """A label for the one who sorts, a text for the one who writes."""
    schema = (asked.get("response_format") or {}).get("json_schema", {}).get("schema")
    if schema is None:
        return says(DRAFT)
    known = {"label": "negative", "text": DRAFT}
    return gives({name: known.get(name, value) for name, value in smallest(schema).items()})


def saved(page: Page) -> None:
    """Whatever was typed is in the draft."""
    page.evaluate("window.tandemForms?.flush()")
    expect(page.locator("#saved-state")).not_to_have_attribute("data-state", "saving")
    page.wait_for_load_state("networkidle")


def carried_out(page: Page) -> None:
    """The step in the panel was really carried out, and its result is kept."""
    expect(page.locator("#test").get_by_role("button", name="Stop")).to_be_visible()
    carried(Run.objects.order_by("-pk")[0])
    expect(page.locator("#test").get_by_text("from a test")).to_be_visible(timeout=15_000)


def expect_the_draft(workflow: Workflow) -> None:
    workflow.refresh_from_db()
    steps = {step["kind"]: step for step in workflow.draft["steps"]}
    assert list(steps) == ["ai.classify", "flow.branch", "flow.loop", "text.compose"]
    assert steps["ai.classify"]["with"]["text"] == "{{ inputs.article }}"
    case = steps["flow.branch"]["cases"][0]
    assert [step["kind"] for step in case["steps"]] == ["ai.write"]
    assert case["when"] == {"all": [{"value": "{{ steps.sort_a_text.label }}", "is": "equal", "to": "negative"}]}
    assert [step["kind"] for step in steps["flow.loop"]["steps"]] == ["text.compose"]
    assert workflow.draft["output"] == {"statement": "{{ steps.compose_a_text_2.text }}"}, json.dumps(workflow.draft)


def the_result(page: Page) -> None:
    """The run that was started is carried to its end, and its page says what came out."""
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    run = carried(Run.objects.order_by("-pk")[0])
    assert run.status == "succeeded", run.error
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("region", name="Result")).to_contain_text(DRAFT)


def test_the_whole_story_by_mouse(scene: Scene, page: Page, sign_in, provider: ScriptedProvider):
    page.set_viewport_size({"width": 1600, "height": 1000})
    sign_in(scene.builder)

    # from blank
    page.goto("/workflows/")
    page.get_by_role("link", name="New workflow").click()
    page.get_by_label("Name", exact=True).fill("Press mention triage")
    page.get_by_role("button", name="Make the workflow").click()
    page.wait_for_selector("#build[data-ready]")
    workflow = Workflow.objects.get(name="Press mention triage")
    built = Builder(page, workflow)

    # what it asks for
    built.card("When somebody starts it").click()
    page.get_by_label("First question").fill("Article")
    page.get_by_role("button", name="Add", exact=True).click()
    asked = page.locator("[data-key='input:article']")
    asked.get_by_label("Kind of answer").select_option("long_text")
    asked.get_by_label("Filled in from the beginning").fill(ARTICLE)
    page.keyboard.press("Tab")
    expect(page.locator("#card-start")).to_contain_text("Article")

    # sort it, with data picked
    built.add(built.end(), "sort")
    pick(page, "with-text", "Article")
    form = page.locator("#step-form")
    for number, label in enumerate(["positive", "negative"]):
        saved(page)  # what is saved may draw the rows anew
        if form.get_by_role("group", name=f"Label {number + 1}", exact=True).count() == 0:
            form.get_by_role("button", name="Add a label").click()
        form.get_by_role("group", name=f"Label {number + 1}", exact=True).get_by_role("textbox").first.fill(label)
    saved(page)
    page.get_by_role("button", name="Test this step").click()
    carried_out(page)

    # a branch with what is written for negative articles
    built.add(built.end(), "branch")
    way = page.locator("[data-key='way:cases.0']")
    way.get_by_role("button", name="Add a condition").click()
    way.locator("[data-row-list] [data-field$='-value']").get_by_role("button", name="Insert data").click()
    choose(page, "label")
    held_against(page, way, "negative")
    saved(page)
    built.add(page.locator("[id^='seq-branch-cases-0'] > .bd-end .bd-plus"), "write a text")
    page.locator("#step-form").get_by_role("textbox", name="What to write").fill("A calm statement of three sentences.")
    saved(page)
    page.get_by_role("button", name="Test this step").click()
    carried_out(page)

    # a loop, and a mistake undone
    built.add(built.end(), "repeat")
    page.locator("#step-form").get_by_label("Rounds at most").fill("2")
    saved(page)
    built.add(page.locator("[id^='seq-repeat-steps'] > .bd-end .bd-plus"), "compose")
    page.locator("#step-form").get_by_role("textbox", name="Text").fill("Once more.")
    saved(page)
    built.more("Repeat", "Delete")
    expect(built.card("Repeat")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(built.card("Repeat")).to_be_visible()

    # what comes out
    built.add(built.end(), "compose")
    page.locator("#step-form").get_by_role("textbox", name="Text").fill("Statement of the press office: ")
    pick(page, "with-text", "this is hard")
    saved(page)
    page.get_by_role("button", name="Up to here").click()
    carried_out(page)
    built.card("Result").click()
    page.get_by_label("First result").fill("Statement")
    page.get_by_role("button", name="Add", exact=True).click()
    pick(page, "result-statement-value", "press office")
    saved(page)

    publish_and_run(page, built)


def test_the_whole_story_by_keyboard_alone(scene: Scene, page: Page, sign_in, provider: ScriptedProvider):
    page.set_viewport_size({"width": 1600, "height": 1000})
    sign_in(scene.builder)
    keys = page.keyboard

    # from blank
    page.goto("/workflows/")
    tab_to(page, "New workflow")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="New workflow")).to_be_visible()
    tab_to(page, "Name")
    keys.type("Press mention triage")
    keys.press("Enter")
    page.wait_for_selector("#build[data-ready]")
    workflow = Workflow.objects.get(name="Press mention triage")
    built = Builder(page, workflow)

    # what it asks for
    tab_to(page, "When somebody starts it")
    keys.press("Enter")
    expect(page.locator("#panel :focus")).to_be_visible()
    tab_to(page, "First question")
    keys.type("Article")
    keys.press("Enter")
    expect(page.locator("#panel select:focus")).to_be_visible()
    keys.type("A long")
    expect(page.locator("[data-key='input:article'] textarea[name$='-default']")).to_be_visible()
    page.wait_for_load_state("networkidle")
    tab_to(page, "Filled in from the beginning")
    keys.type(ARTICLE)
    keys.press("Escape")
    expect(built.card("When somebody starts it")).to_be_focused()

    # sort it, with data picked
    add_by_key(page, "sort")
    insert_by_key(page, "Article")
    for number, label in enumerate(["positive", "negative"]):
        if page.locator("#step-form").get_by_role("group", name=f"Label {number + 1}", exact=True).count() == 0:
            tab_to(page, "Add a label")
            keys.press("Enter")
        else:
            tab_to(page, "Label")
        keys.type(label)
    saved(page)
    try_by_key(page)
    keys.press("Escape")
    expect(built.card("Sort a text")).to_be_focused()

    # a branch with what is written for negative articles
    add_by_key(page, "branch", waits=False)
    way = page.locator("[data-key='way:cases.0']")
    expect(way).to_be_visible()
    tab_to(page, "Add a condition")
    keys.press("Enter")
    expect(way.locator("[role=textbox]:focus")).to_be_visible()
    insert_by_key(page, "label")
    tab_to(page, "Compared with")
    keys.type("negative")
    keys.press("Tab")
    saved(page)
    keys.press("Escape")
    expect(built.card("Branch")).to_be_focused()
    keys.press("ArrowRight")
    keys.press("Enter")
    choose_kind(page, "write a text")
    keys.type("A calm statement of three sentences.")
    saved(page)
    try_by_key(page)
    keys.press("Escape")
    keys.press("ArrowLeft")
    expect(built.card("Branch")).to_be_focused()

    # a loop, and a mistake undone
    add_by_key(page, "repeat")
    keys.press("Control+a")
    keys.type("2")
    saved(page)
    keys.press("Escape")
    keys.press("ArrowRight")
    keys.press("Enter")
    choose_kind(page, "compose")
    keys.type("Once more.")
    saved(page)
    keys.press("Escape")
    keys.press("ArrowLeft")
    expect(built.card("Repeat")).to_be_focused()
    keys.press("Delete")
    expect(built.card("Repeat")).to_have_count(0)
    keys.press("Control+z")
    expect(built.card("Repeat")).to_be_focused()

    # what comes out
    add_by_key(page, "compose")
    keys.type("Statement of the press office: ")
    insert_by_key(page, "this is hard")
    saved(page)
    try_by_key(page, "Up to here")
    keys.press("Escape")
    keys.press("End")
    expect(built.card("Result")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#panel :focus")).to_be_visible()
    keys.type("Statement")
    keys.press("Enter")
    expect(page.locator("[data-key='result:statement'] :focus")).to_be_visible()
    insert_by_key(page, "press office")
    saved(page)

    # published, run, read
    expect(page.get_by_text("No problems")).to_be_visible()
    tab_to(page, "Publish…", back=True)
    keys.press("Enter")
    expect(page.get_by_label("What has changed, and why?")).to_be_visible()
    tab_to(page, "What has changed, and why?")
    keys.type("The first version.")
    tab_to(page, "Publish")
    keys.press("Enter")
    expect(page.get_by_text("Version 1").first).to_be_visible()
    page.goto(f"/workflows/{workflow.pk}/")
    tab_to(page, "Start the workflow")
    keys.press("Enter")
    the_result(page)
    expect_the_draft(workflow)


NAME_OF_FOCUSED = """() => {
  const it = document.activeElement;
  const label = it.labels?.[0]?.textContent ?? document.getElementById(it.getAttribute("aria-labelledby"))?.textContent;
  return (it.getAttribute("aria-label") || label || it.textContent || "").trim();
}"""


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Tab until what has the focus is called so."""
    passed = []
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        called = page.evaluate(NAME_OF_FOCUSED)
        if called == name or called.startswith(f"{name} ·"):
            return
        passed.append(called[:40])
    raise AssertionError(f"the Tab key does not come to {name!r}, only to {passed}")


def add_by_key(page: Page, words: str, *, waits: bool = True) -> None:
    """A step after the card that has the focus."""
    page.keyboard.press("+")
    choose_kind(page, words, waits=waits)


def choose_kind(page: Page, words: str, *, waits: bool = True) -> None:
    expect(page.get_by_role("combobox", name="What should this step do?")).to_be_focused()
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Add a step")).to_be_hidden()
    if waits:
        expect(page.locator("#step-form :focus")).to_be_visible()


def insert_by_key(page: Page, words: str) -> None:
    """Data, where the cursor stands."""
    page.keyboard.type("{{")
    picker = page.get_by_role("dialog", name="Insert data")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    with page.expect_response(lambda answer: "/data/" in answer.url and "q=" in answer.url):
        page.keyboard.type(words)
    page.wait_for_timeout(500)
    found = picker.locator("[data-pick]")
    expect(found.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(picker).to_be_hidden()


def try_by_key(page: Page, button: str = "Test this step") -> None:
    tab_to(page, button)
    page.keyboard.press("Enter")
    carried_out(page)


def pick(page: Page, field: str, words: str) -> None:
    page.locator(f"[data-field='{field}']").get_by_role("button", name="Insert data").first.click()
    choose(page, words)


def choose(page: Page, words: str) -> None:
    picker = page.get_by_role("dialog", name="Insert data")
    with page.expect_response(lambda answer: "/data/" in answer.url and "q=" in answer.url):
        picker.get_by_role("searchbox").fill(words)
    page.wait_for_timeout(50)
    found = picker.locator("[data-pick]")
    expect(found.first).to_be_visible()
    found.first.click()


def held_against(page: Page, way: Any, value: str) -> None:
    way.locator("[data-row-list] [data-field$='-to']").get_by_role("textbox").fill(value)
    page.keyboard.press("Tab")


def publish_and_run(page: Page, built: Builder) -> None:
    expect(page.get_by_text("No problems")).to_be_visible()
    page.get_by_role("link", name="Publish…").click()
    page.get_by_label("What has changed, and why?").fill("The first version.")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Version 1").first).to_be_visible()
    page.goto(f"/workflows/{built.workflow.pk}/")
    page.get_by_label("Article").fill(ARTICLE)
    page.get_by_role("button", name="Start the workflow").click()
    the_result(page)
    expect_the_draft(built.workflow)
