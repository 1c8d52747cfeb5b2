"""The form of a step: each widget by mouse and by keyboard, in a real browser, saved as one goes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from departments.access import actor_for_user
from departments.models import Role, User
from tests.factories import make_model, make_user, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Workflow
from workflows.services.drafting import edit_draft

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DEFINITION: dict[str, Any] = {
    "format": 1,
    "name": "Press mentions",
    "inputs": {
        "article": {"type": "long_text", "title": "Article"},
        "market": {"type": "choice", "title": "Market", "choices": ["Sweden", "Germany"]},
    },
    "steps": [
        {
            "id": "tone",
            "kind": "ai.classify",
            "title": "How does it speak about us?",
            "with": {"text": "{{ inputs.article }}", "labels": ["positive", "neutral", "negative"]},
        },
        {
            "id": "facts",
            "kind": "ai.extract",
            "title": "Facts",
            "with": {"text": "{{ inputs.article }}", "fields": [{"name": "end_date", "type": "date"}]},
        },
        {"id": "keep", "kind": "data.list", "title": "Keep", "with": {"operation": "filter", "items": ["a"]}},
        {"id": "note", "kind": "text.compose", "title": "Note", "with": {"text": "Tone: {{ steps.tone.label }}."}},
        {"id": "values", "kind": "data.set", "title": "Values", "with": {"values": {"deadline": "tomorrow"}}},
        {"id": "write", "kind": "ai.write", "title": "Draft", "with": {"instructions": "Be kind."}},
        {"id": "read", "kind": "document.read", "title": "Read", "with": {}},
    ],
}


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture
def builder(scene: Scene) -> User:
    return make_user("Bea Lindqvist", scene.department, Role.BUILDER)


@pytest.fixture
def workflow(scene: Scene) -> Workflow:
    sample = {"article": "The bank closes 40 branches. A betrayal, says the union.", "market": "Sweden"}
    return make_workflow(scene.department, deepcopy(DEFINITION), name="Press mentions", sample=sample)


@pytest.fixture
def opened(page: Page, sign_in: Callable[[User], None], builder: User, workflow: Workflow) -> Callable[[str], Locator]:
    """Opens the panel of a step and gives its form."""

    def opened(step: str) -> Locator:
        sign_in(builder)
        page.goto(f"/workflows/{workflow.pk}/build/?step={step}")
        form = page.locator("#step-form")
        expect(form).to_be_visible()
        return form

    return opened


def given(workflow: Workflow, step: str) -> dict[str, Any]:
    workflow.refresh_from_db()
    return next(node.get("with", {}) for node in workflow.draft["steps"] if node["id"] == step)


def becomes(page: Page, read: Callable[[], Any], wanted: Any) -> None:
    """Waits until what was read is what is wanted."""
    for _ in range(80):
        if read() == wanted:
            return
        page.wait_for_timeout(100)
    assert read() == wanted


def test_data_in_a_text_shows_as_a_chip_with_the_title_of_its_step_and_the_text_is_saved_plain(
    opened, page: Page, workflow: Workflow
):
    form = opened("note")
    box = form.get_by_role("textbox", name="Text")

    expect(box).to_have_text("Tone: How does it speak about us? ▸ label.")
    box.click()
    page.keyboard.press("End")
    page.keyboard.type(" Good.")

    becomes(page, lambda: given(workflow, "note")["text"], "Tone: {{ steps.tone.label }}. Good.")
    expect(form.get_by_text("Preview: Tone: ")).to_be_visible()


def test_data_is_picked_by_mouse_with_its_real_value_and_previewed(opened, page: Page, workflow: Workflow, seen):
    form = opened("write")
    field = form.locator("[data-field='with-material']")

    field.get_by_role("button", name="Insert data").click()
    picker = page.get_by_role("dialog", name="Insert data")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    seen("data-picker")
    picker.get_by_role("searchbox").fill("betrayal")
    expect(picker.locator("[data-pick]")).to_have_count(1)
    picker.get_by_role("button", name="Article").click()

    expect(field.locator(".td-data", has_text="Article").first).to_be_visible()
    becomes(page, lambda: given(workflow, "write").get("material"), "{{ inputs.article }}")
    expect(field.get_by_text("A betrayal, says the union.")).to_be_visible()
    seen("step-form-write")


def test_data_is_picked_by_keyboard_alone(opened, page: Page, workflow: Workflow):
    form = opened("write")
    form.get_by_role("textbox", name="What to write").focus()

    page.keyboard.press("Control+End")
    page.keyboard.type(" About {{")
    expect(page.get_by_role("dialog", name="Insert data").get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("label")
    expect(page.locator("[data-pick]")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type(", please.")

    becomes(page, lambda: given(workflow, "write")["instructions"], "Be kind. About {{ steps.tone.label }}, please.")


def test_a_chip_goes_as_a_whole_and_comes_back_with_undo(opened, page: Page, workflow: Workflow):
    box = opened("note").get_by_role("textbox", name="Text")
    box.focus()

    page.keyboard.press("Control+End")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(box).to_have_text("Tone: ")
    page.keyboard.press("Control+z")
    expect(box).to_have_text("Tone: How does it speak about us? ▸ label")
    page.keyboard.type("!")

    becomes(page, lambda: given(workflow, "note")["text"], "Tone: {{ steps.tone.label }}!")


def test_text_is_written_before_between_and_after_chips_and_lines_stay_lines(opened, page: Page, workflow: Workflow):
    box = opened("note").get_by_role("textbox", name="Text")
    box.focus()

    page.keyboard.press("Control+a")
    page.keyboard.insert_text("{{ inputs.article }}{{ inputs.market }}")
    expect(box.locator(".td-data")).to_have_count(2)
    page.keyboard.type("end")
    page.keyboard.press("Control+Home")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("-")

    becomes(page, lambda: given(workflow, "note")["text"], "first\n\n{{ inputs.article }}-{{ inputs.market }}end")


def test_what_is_copied_from_chips_is_the_plain_text(opened, page: Page, workflow: Workflow, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    box = opened("note").get_by_role("textbox", name="Text")
    box.focus()

    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+v")

    once = "Tone: {{ steps.tone.label }}."
    becomes(page, lambda: given(workflow, "note")["text"], once + once)
    assert page.evaluate("navigator.clipboard.readText()") == once


def test_a_reference_that_leads_nowhere_is_marked_and_its_problem_stands_at_the_field(opened, page: Page):
    form = opened("note")
    box = form.get_by_role("textbox", name="Text")

    box.fill("")
    page.keyboard.insert_text("{{ steps.tune.label }}")

    expect(box.locator(".is-gone")).to_be_visible()
    expect(form.get_by_text('The step "tune" does not exist.')).to_be_visible()
    expect(box).to_have_attribute("aria-invalid", "true")


def test_data_can_be_shown_as_plain_text_and_stays_so(opened, page: Page, workflow: Workflow):
    form = opened("note")

    form.get_by_role("button", name="Show data as plain text").click()
    expect(form.get_by_role("textbox", name="Text")).to_have_value("Tone: {{ steps.tone.label }}.")
    page.reload()
    expect(page.locator("#step-form").get_by_role("textbox", name="Text")).to_have_value(
        "Tone: {{ steps.tone.label }}."
    )
    page.locator("#step-form").get_by_role("textbox", name="Text").fill("Plain {{ inputs.market }}")

    becomes(page, lambda: given(workflow, "note")["text"], "Plain {{ inputs.market }}")


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_labels_come_move_and_go_by_mouse(opened, page: Page, workflow: Workflow, seen):
    form = opened("tone")

    form.get_by_role("button", name="Add a label").click()
    row = form.get_by_role("group", name="Label 4")
    row.get_by_role("textbox", name="Name").fill("mixed")
    row.get_by_role("textbox", name="When it applies").fill("praises and criticises")
    row.get_by_text("Examples").first.click()
    row.locator("textarea, [contenteditable]").last.fill("Good, but late")
    row.get_by_role("button", name="Move up").click()
    form.get_by_role("group", name="Label 1").get_by_role("button", name="Remove").click()

    wanted = [
        "neutral",
        {"name": "mixed", "description": "praises and criticises", "examples": ["Good, but late"]},
        "negative",
    ]
    becomes(page, lambda: given(workflow, "tone")["labels"], wanted)
    seen("step-form-labels")


def test_labels_come_move_and_go_by_keyboard(opened, page: Page, workflow: Workflow):
    form = opened("tone")
    form.get_by_role("button", name="Add a label").focus()

    page.keyboard.press("Enter")
    page.keyboard.type("mixed")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("both at once")
    form.get_by_role("group", name="Label 4").get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    form.get_by_role("group", name="Label 1").get_by_role("button", name="Remove").focus()
    page.keyboard.press("Space")

    wanted = [{"name": "mixed", "description": "both at once"}, "neutral", "negative"]
    becomes(page, lambda: given(workflow, "tone")["labels"], wanted)


def test_too_few_labels_are_told_at_the_field_while_editing(opened, page: Page):
    form = opened("tone")

    form.get_by_role("group", name="Label 3").get_by_role("button", name="Remove").click()
    form.get_by_role("group", name="Label 2").get_by_role("button", name="Remove").click()

    expect(form.get_by_text("At least 2 of them are needed.")).to_be_visible()


def test_facts_to_extract_are_described_row_by_row(opened, page: Page, workflow: Workflow, seen):
    form = opened("facts")

    form.get_by_role("button", name="Add a fact").click()
    row = form.get_by_role("group", name="Fact 2")
    row.get_by_role("textbox", name="Name").fill("Party!")
    expect(form.get_by_text("Use small letters, digits and _; begin with a letter.")).to_be_visible()
    row.get_by_role("textbox", name="Name").fill("side")
    expect(row.get_by_text("Choices")).to_be_hidden()
    row.get_by_role("combobox", name="Type").select_option("One of several")
    row.get_by_label("Choices").or_(row.get_by_role("textbox", name="Choices")).first.fill("buyer\nseller")
    row.get_by_role("switch", name="Required").check()

    wanted = [
        {"name": "end_date", "type": "date"},
        {"name": "side", "type": "choice", "required": True, "choices": ["buyer", "seller"]},
    ]
    becomes(page, lambda: given(workflow, "facts")["fields"], wanted)
    seen("step-form-facts")


def test_names_and_values_come_in_rows_and_a_name_that_stands_twice_is_told(opened, page: Page, workflow: Workflow):
    form = opened("values")

    form.get_by_role("button", name="Add a line").click()
    row = form.get_by_role("group", name="Line 2")
    row.get_by_role("textbox", name="Name").fill("deadline")
    row.get_by_role("textbox", name="Value").fill("3")
    expect(form.get_by_text("This name stands here twice.")).to_be_visible()
    row.get_by_role("textbox", name="Name").fill("days")

    becomes(page, lambda: given(workflow, "values")["values"], {"deadline": "tomorrow", "days": 3})


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_condition_is_clicked_together_and_its_operators_follow_the_type(
    opened, page: Page, workflow: Workflow, seen
):
    form = opened("keep")

    form.get_by_role("button", name="Add a condition").click()
    row = form.get_by_role("group", name="Condition 1")
    row.locator("[data-field$='-value']").get_by_role("button", name="Insert data").click()
    picker = page.get_by_role("dialog", name="Insert data")
    picker.get_by_role("searchbox").fill("speak confidence")
    expect(picker.locator("[data-pick]")).to_have_count(1)
    picker.locator("[data-pick]").click()
    options = row.get_by_role("combobox", name="How", exact=True).locator("option")
    expect(options.filter(has_text="starts with")).to_have_count(0)
    row.get_by_role("combobox", name="How", exact=True).select_option("is at least")
    row.get_by_role("textbox", name="Compared with").fill("0.5")

    wanted = {"all": [{"value": "{{ steps.tone.confidence }}", "is": "at_least", "to": 0.5}]}
    becomes(page, lambda: given(workflow, "keep").get("where"), wanted)
    seen("step-form-condition")


def test_a_condition_offers_the_labels_of_the_step_it_looks_at_and_groups_are_nested_once(
    opened, page: Page, workflow: Workflow, seen
):
    form = opened("keep")

    form.get_by_role("button", name="Add a group").click()
    group = form.get_by_role("group", name="Group of conditions 1")
    expect(group.get_by_role("button", name="Add a group")).to_have_count(0)
    row = group.get_by_role("group", name="Condition").first
    row.get_by_role("textbox", name="What to look at").fill("{{ steps.tone.label }}")
    row.get_by_role("button", name="negative").click()
    group.get_by_role("button", name="Add a condition").click()
    other = group.locator("[data-condition]").nth(1)
    other.get_by_role("textbox", name="What to look at").fill("{{ item }}")
    other.get_by_role("combobox", name="How", exact=True).select_option("is not empty")
    expect(other.get_by_role("textbox", name="Compared with")).to_be_hidden()

    rows = [
        {"value": "{{ steps.tone.label }}", "is": "equal", "to": "negative"},
        {"value": "{{ item }}", "is": "is_not_empty"},
    ]
    becomes(page, lambda: given(workflow, "keep").get("where"), {"all": [{"any": rows}]})
    seen("step-form-group")


def test_a_condition_is_built_by_keyboard_alone(opened, page: Page, workflow: Workflow):
    form = opened("keep")
    form.get_by_role("button", name="Add a condition").focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("dialog", name="Insert data").get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("market sweden")
    expect(page.locator("[data-pick]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(form.get_by_role("combobox", name="How", exact=True)).to_be_focused()
    form.get_by_role("combobox", name="How", exact=True).select_option("is")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Sweden")
    page.keyboard.press("Tab")

    wanted = {"all": [{"value": "{{ inputs.market }}", "is": "equal", "to": "Sweden"}]}
    becomes(page, lambda: given(workflow, "keep").get("where"), wanted)


# ── plain widgets ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_matters_for_the_chosen_thing_is_asked(opened, page: Page, workflow: Workflow):
    form = opened("keep")

    form.get_by_role("combobox", name="What to do").select_option("Sort: bring them into order")
    expect(form.get_by_text("Keep items where")).to_be_hidden()
    form.get_by_role("switch", name="Largest first").check()
    form.get_by_role("textbox", name="Field").fill("score")

    becomes(
        page, lambda: given(workflow, "keep"), {"operation": "sort", "items": ["a"], "descending": True, "by": "score"}
    )


def test_a_number_that_is_none_is_told_at_once_kept_as_typed_and_put_right(opened, page: Page, workflow: Workflow):
    form = opened("write")
    words = form.get_by_role("textbox", name="Words at most")

    words.fill("many")
    expect(form.get_by_text("Write a number, for example 12 or 3.5.")).to_be_visible()
    becomes(page, lambda: given(workflow, "write").get("max_words"), "many")
    page.reload()
    expect(words).to_have_text("many")
    words.fill("4")
    expect(form.get_by_text("It must be at least 5.")).to_be_visible()
    words.fill("50")

    expect(form.get_by_text("It must be at least 5.")).to_have_count(0)
    becomes(page, lambda: given(workflow, "write").get("max_words"), 50)


def test_models_are_offered_by_the_server(opened, page: Page, workflow: Workflow):
    make_model(name="gpt-careful", title="The careful one")
    form = opened("write")

    form.get_by_text("More settings").click()
    form.get_by_role("combobox", name="Model").select_option("The careful one")

    becomes(page, lambda: given(workflow, "write").get("model"), "gpt-careful")


def test_a_file_comes_from_the_start_form_or_is_always_the_same(opened, page: Page, workflow: Workflow, seen):
    form = opened("read")

    form.get_by_role("textbox", name="File").fill("{{ inputs.article }}")
    becomes(page, lambda: given(workflow, "read").get("file"), "{{ inputs.article }}")
    form.get_by_role("textbox", name="File").fill("")
    form.get_by_text("Or always the same file").click()
    form.locator("input[type=file]").set_input_files({"name": "terms.txt", "mimeType": "text/plain", "buffer": b"Hi"})

    becomes(page, lambda: "terms.txt" in str(given(workflow, "read").get("file")), True)
    seen("step-form-file")


# ── nothing is lost ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_people_at_one_field_see_both_texts_and_the_second_decides(
    opened, page: Page, scene: Scene, workflow: Workflow, sign_in, seen
):
    anna = make_user("Anna Berg", scene.department, Role.BUILDER)
    page.expected = ("409",)
    form = opened("write")
    box = form.get_by_role("textbox", name="What to write")
    page.route("**/news/**", lambda route: route.fulfill(status=204))  # the column would tell of it before the field
    theirs = {"do": "change", "step": "write", "field": "with.instructions", "value": "Be brief."}
    edit_draft(workflow, theirs, actor=actor_for_user(anna))

    box.press("Control+End")
    page.keyboard.type(" Always.")

    expect(form.get_by_text("Anna Berg has changed this too")).to_be_visible()
    expect(form.get_by_text("Be brief.")).to_be_visible()
    expect(box).to_have_text("Be kind. Always.")
    seen("step-form-clash")
    form.get_by_role("button", name="Keep mine").click()
    becomes(page, lambda: given(workflow, "write")["instructions"], "Be kind. Always.")

    theirs["value"] = "Be very brief."
    edit_draft(workflow, theirs, actor=actor_for_user(anna))
    box.press("Control+End")
    page.keyboard.type(" Ever.")
    form.get_by_role("button", name="Take theirs").click()
    expect(box).to_have_text("Be very brief.")
    assert given(workflow, "write")["instructions"] == "Be very brief."


def test_what_is_typed_while_the_server_is_away_is_saved_when_it_is_back(opened, page: Page, workflow: Workflow):
    page.expected = ("net::ERR", "Failed to fetch")
    form = opened("write")
    page.route("**/form/", lambda route: route.abort())

    form.get_by_role("textbox", name="Tone").fill("warm")
    expect(form.get_by_text("Not saved yet")).to_be_visible()
    page.unroute("**/form/")

    becomes(page, lambda: given(workflow, "write").get("tone"), "warm")
    expect(form.get_by_text("Not saved yet")).to_have_count(0)


def test_leaving_the_step_at_once_saves_what_was_typed(opened, page: Page, workflow: Workflow):
    form = opened("write")

    form.get_by_role("textbox", name="Tone").press_sequentially("dry")
    page.goto("/workflows/")

    becomes(page, lambda: given(workflow, "write").get("tone"), "dry")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ inputs.article | <b>x</b> }}",
    "' onmouseover=alert(1) x='",
    "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "</textarea></template><b>bold</b>",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_text_in_chips_rows_previews_and_the_picker(
    opened, page: Page, scene: Scene, workflow: Workflow, text: str
):
    workflow.draft["steps"][0]["title"] = text[:200]
    workflow.draft["steps"][0]["with"]["labels"] = [text[:80], "other"]
    workflow.draft["steps"][5]["with"] = {"instructions": "Kind {{ steps.tone.label }}.", "material": text}
    workflow.save()

    form = opened("write")
    material = form.get_by_role("textbox", name="Material")
    expect(form.get_by_role("textbox", name="What to write").locator(".td-data")).to_have_count(1)
    material.press("Control+End")
    page.keyboard.type("!")
    becomes(page, lambda: given(workflow, "write")["material"], f"{text}!")
    form.get_by_role("button", name="Insert data").first.click()
    expect(page.get_by_role("dialog", name="Insert data")).to_be_visible()

    assert page.locator("#step-form b, #step-form img, .td-picker b, .td-picker img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_form_is_plain_text_with_a_button_to_save(
    browser, live_server, builder: User, workflow: Workflow, sign_in, context
):
    sign_in(builder)
    plain = browser.new_context(
        java_script_enabled=False, base_url=live_server.url, storage_state=context.storage_state()
    )
    page = plain.new_page()
    page.goto(f"/workflows/{workflow.pk}/build/step/tone/form/")

    assert page.locator("[name=with-text]").input_value() == "{{ inputs.article }}"
    expect(page.get_by_role("button", name="Add a label")).to_be_hidden()
    page.locator("[name=with-labels-new-name]").fill("mixed")
    page.get_by_role("button", name="Save").click()

    assert given(workflow, "tone")["labels"] == ["positive", "neutral", "negative", "mixed"]
    plain.close()


def test_names_that_a_text_makes_itself_are_no_broken_references(opened, page: Page):
    box = opened("note").get_by_role("textbox", name="Text")

    box.fill("")
    loop = "{% for row in steps.keep.items %}{{ row.clause }} {{ forloop.index }}{% endfor %}"
    page.keyboard.insert_text(f"{loop} {{{{ workflow.name }}}}")

    expect(box.locator(".td-data")).to_have_count(3)
    expect(box.locator(".is-gone")).to_have_count(0)
    expect(box.get_by_text("Name of the workflow")).to_be_visible()


def test_enter_right_after_typing_takes_what_was_searched_for(opened, page: Page, workflow: Workflow):
    form = opened("write")
    form.locator("[data-field='with-material']").get_by_role("button", name="Insert data").click()
    expect(page.get_by_role("searchbox")).to_be_focused()

    page.keyboard.type("betrayal")
    page.keyboard.press("Enter")

    becomes(page, lambda: given(workflow, "write").get("material"), "{{ inputs.article }}")


def test_an_older_answer_never_replaces_what_was_typed_since_it_was_asked_for(opened, page: Page, workflow: Workflow):
    form = opened("write")
    tone = form.get_by_role("textbox", name="Tone")
    tone.focus()

    page.evaluate("document.dispatchEvent(new CustomEvent('build:reload'))")
    page.keyboard.type("warm and plain")

    becomes(page, lambda: given(workflow, "write").get("tone"), "warm and plain")
    page.wait_for_timeout(1_000)
    expect(tone).to_have_text("warm and plain")
