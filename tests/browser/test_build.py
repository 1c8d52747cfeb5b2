"""The build page in a real browser: the column by mouse and by keyboard, by drag, by two people at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.build import Builder
from tests.factories import make_user, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ constructor.constructor('alert(1)')() }}",
    "<svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea><script>alert(1)</script>",
    "\u202eevil\u202c gnp.exe",
    "مرحبا بالعالم",
    "👩‍⚖️ Freigabe 🏳️‍🌈",
]

WATCH_CARDS = """() => {
  const cards = (node) => (node.nodeType === 1 ? [node, ...node.querySelectorAll(".bd-card")] : []);
  const ids = (nodes) => [...nodes].flatMap(cards).filter((node) => node.matches(".bd-card")).map((node) => node.id);
  window.swapped = [];
  new MutationObserver((all) => { for (const one of all) window.swapped.push(...ids(one.addedNodes)); })
    .observe(document.getElementById("flow"), { childList: true, subtree: true });
}"""
"""Writes down the id of every card that is put into the column."""
DISTANCES = """() => {
  const boxOf = (id) => document.getElementById(`card-${id}`).getBoundingClientRect();
  const [above, card, below] = ["s149", "s150", "s151"].map(boxOf);
  return [card.top - above.top, below.top - card.top, card.left - above.left, card.width, card.height];
}"""
"""How a card stands between its neighbours: the page itself may scroll."""
WEIGH = """async () => {
  const isOurs = (name) => name.includes("/static/") && !name.includes("/vendor/") && !name.includes("django_htmx");
  const own = performance.getEntriesByType("resource").map((each) => each.name).filter(isOurs);
  const size = async (name) => (await (await fetch(name)).blob()).size;
  return (await Promise.all([location.href, ...own].map(size))).reduce((sum, one) => sum + one, 0);
}"""
"""Bytes of the page and of our own files, before they are compressed."""


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def text(step_id: str, title: str = "", **more: Any) -> dict[str, Any]:
    return {"id": step_id, "kind": "text.compose", "title": title or step_id.upper(), "with": {"text": "x"}, **more}


def branch(*steps: dict[str, Any], otherwise: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    when = {"value": "{{ inputs.name }}", "is": "equal", "to": "Ada"}
    case = {"title": "it is Ada", "when": when, "steps": list(steps)}
    return {"id": "route", "kind": "flow.branch", "title": "Who is it?", "cases": [case], "otherwise": otherwise or []}


@pytest.fixture
def three(scene: Scene) -> Workflow:
    """A, B and C below each other, then a branch with D in its first way."""
    steps = [text("a"), text("b"), text("c"), branch(text("d"))]
    inputs = {"name": {"type": "text", "title": "Name"}}
    return make_workflow(scene.department, {"format": 1, "name": "Letters", "inputs": inputs, "steps": steps})


@pytest.fixture
def built(scene: Scene, three: Workflow, page: Page, sign_in) -> Builder:
    sign_in(scene.builder)
    return Builder(page, three).open()


# ── by mouse ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_workflow_begins_blank_and_leads_to_its_build_page(scene: Scene, page: Page, sign_in, seen):
    sign_in(scene.builder)

    page.goto("/workflows/")
    page.get_by_role("link", name="New workflow").click()
    seen("new-workflow")
    page.get_by_label("Name", exact=True).fill("Press mentions of the day")
    page.get_by_role("button", name="Make the workflow").click()

    expect(page.get_by_role("button", name="Press mentions of the day")).to_be_visible()
    made = Workflow.objects.get(name="Press mentions of the day")
    assert made.owner == scene.builder
    assert made.draft.get("steps", []) == []
    seen("build-blank")


def test_a_step_is_added_between_two_others_by_the_plus(built: Builder):
    built.add(built.page.get_by_role("button", name="Add a step before “B”"), "summarise")

    built.expect_column("A", "Summarise a text", "B", "C", "Who is it?", "D")
    expect(built.page.locator("#panel")).to_contain_text("Summarise a text · step 2")
    assert [step["kind"] for step in built.draft()["steps"]][:3] == ["text.compose", "ai.summarise", "text.compose"]


def test_the_menu_of_steps_is_searched_by_other_words_too(built: Builder, seen):
    built.end().click()
    search = built.page.get_by_role("combobox", name="What should this step do?")
    expect(search).to_be_focused()
    seen("build-menu")

    search.fill("sentiment")
    expect(built.page.get_by_role("option")).to_have_count(1)
    search.fill("no such step")
    expect(built.page.get_by_text("Nothing fits. Try another word.")).to_be_visible()
    built.page.keyboard.press("Escape")

    expect(built.page.get_by_role("dialog", name="Add a step")).to_be_hidden()
    assert built.steps() == ["a", "b", "c", "route"]


def test_a_card_is_duplicated_switched_off_moved_and_deleted_by_its_menu(built: Builder):
    built.more("B", "Duplicate")
    built.expect_column("A", "B", "B 2", "C", "Who is it?", "D")
    assert built.steps() == ["a", "b", "b_2", "c", "route"]

    built.more("A", "Move down")
    built.expect_column("B", "A", "B 2", "C", "Who is it?", "D")
    built.more("C", "Switch off")
    expect(built.page.locator("#card-c")).to_have_class(re.compile("bd-off"))
    built.more("A", "Delete")

    built.expect_column("B", "B 2", "C", "Who is it?", "D")
    assert built.steps() == ["b", "b_2", "c", "route"]
    assert built.draft()["steps"][2]["off"] is True


def test_a_step_is_wrapped_into_a_loop_and_taken_out_again(built: Builder):
    built.more("B", "Do it for each item")
    built.expect_column("A", "For each", "B", "C", "Who is it?", "D")
    assert built.draft()["steps"][1]["steps"][0]["id"] == "b"

    built.more("For each", "Take out what is inside")

    built.expect_column("A", "B", "C", "Who is it?", "D")
    assert built.steps() == ["a", "b", "c", "route"]


def test_what_was_done_is_undone_done_again_and_told(built: Builder, seen):
    built.more("B", "Delete")
    built.expect_column("A", "C", "Who is it?", "D")

    built.page.get_by_role("button", name="Undo").click()
    built.expect_column("A", "B", "C", "Who is it?", "D")
    built.page.get_by_role("button", name="Redo").click()
    built.expect_column("A", "C", "Who is it?", "D")
    built.page.get_by_role("button", name="History").click()

    history = built.page.locator("#history")
    expect(history).to_contain_text("Britta Falk")
    expect(history).to_contain_text("Deleted “B”")
    seen("build-history")


def test_the_title_is_changed_in_the_panel_and_the_card_follows_without_losing_the_focus(built: Builder):
    built.card("B").click()
    title = built.page.get_by_role("textbox", name="Title of this step")
    title.fill("Write the letter")
    built.page.keyboard.press("Tab")

    expect(built.card("Write the letter")).to_be_visible()
    assert built.draft()["steps"][1]["title"] == "Write the letter"
    assert built.page.evaluate("document.activeElement.closest('#panel') !== null")


def test_a_new_name_of_a_step_is_followed_by_what_refers_to_it(scene: Scene, page: Page, sign_in):
    steps = [text("a"), text("b", **{"with": {"text": "{{ steps.a.text }}"}})]
    workflow = make_workflow(scene.department, {"format": 1, "name": "Letters", "steps": steps})
    sign_in(scene.builder)
    built = Builder(page, workflow).open()

    built.card("A").click()
    page.get_by_text("Name in the data").click()
    page.locator("#panel-id").fill("letter")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.locator("#step-letter")).to_be_visible()
    assert built.draft()["steps"][1]["with"] == {"text": "{{ steps.letter.text }}"}


def test_a_container_is_folded_and_stays_so(built: Builder):
    built.page.get_by_role("button", name="Show what is inside").click()
    expect(built.card("D")).to_be_hidden()
    expect(built.page.get_by_text("1 step", exact=True)).to_be_visible()

    built.page.reload()

    expect(built.card("Who is it?")).to_be_visible()
    expect(built.card("D")).to_be_hidden()


def test_a_problem_leads_to_its_field_and_is_mended_by_a_proposal(scene: Scene, page: Page, sign_in, seen):
    steps = [text("letter"), text("b", **{"with": {"text": "{{ steps.leter.text }}"}})]
    workflow = make_workflow(scene.department, {"format": 1, "name": "Letters", "steps": steps})
    sign_in(scene.builder)
    built = Builder(page, workflow).open()

    page.get_by_role("button", name="1 problem").click()
    seen("build-problems")
    page.locator("#problems").get_by_role("button", name=re.compile("leter")).first.click()
    expect(page.locator("#panel [data-panel='step:b']")).to_be_visible()
    expect(page.locator("#f-with-text-error")).to_contain_text("leter")
    page.locator("#f-with-text-error").get_by_role("button").first.click()

    expect(page.get_by_text("No problems")).to_be_visible()
    assert built.draft()["steps"][1]["with"] == {"text": "{{ steps.letter.text }}"}


def test_what_the_workflow_asks_for_and_gives_is_edited_like_a_card(built: Builder, seen):
    page = built.page
    built.card("When somebody starts it").click()
    page.get_by_label("Another question").fill("Größe des Kreises")
    page.keyboard.press("Enter")
    item = page.locator("[data-key='input:grosse_des_kreises']")
    expect(item).to_be_visible()
    item.get_by_label("Kind of answer").select_option("choice")
    expect(item.get_by_label("Choices", exact=False)).to_be_visible()
    item.get_by_label("Choices", exact=False).fill("small\nlarge")
    item.get_by_label("Help", exact=False).first.fill("How many get it")
    seen("build-start")
    page.keyboard.press("Tab")
    expect(page.locator("#card-start")).to_contain_text("Größe des Kreises")

    built.card("Result").click()
    page.get_by_label("First result").fill("Letter")
    page.keyboard.press("Enter")

    expect(page.locator("#card-result")).to_contain_text("Letter")
    draft = built.draft()
    asked = list(draft["inputs"].values())[1]
    assert (asked["title"], asked["type"], asked["choices"]) == ("Größe des Kreises", "choice", ["small", "large"])
    assert asked["help"] == "How many get it"
    assert "letter" in draft["output"]


COUNT_FILLED = """() => addEventListener("htmx:afterSwap", ({ target }) => {
    if (target.id === "panel") document.body.dataset.filled = Number(document.body.dataset.filled ?? 0) + 1;
})"""


def test_a_card_that_was_clicked_stays_open_though_an_older_change_is_answered_later(built: Builder):
    page = built.page
    built.card("When somebody starts it").click()
    page.get_by_label("Another question").fill("How many")
    page.keyboard.press("Enter")
    kind = page.locator("[data-key='input:how_many']").get_by_label("Kind of answer")
    expect(kind).to_be_visible()
    page.evaluate(COUNT_FILLED)
    panels: list[Route] = []
    page.route("**/build/result/*", lambda route: panels.append(route))

    # The new kind has the form of the questions read anew, while the panel of the result is on its way.
    kind.select_option("number")
    built.card("Result").click()
    built.saved()
    panels[0].continue_()
    page.unroute("**/build/result/*")
    expect(page.locator("body")).to_have_attribute("data-filled", "2")

    expect(page.get_by_label("First result")).to_be_visible()
    expect(page.locator("#card-result .bd-open")).to_have_attribute("aria-current", "true")


# ── by keyboard alone ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_whole_column_is_worked_by_keyboard_alone(built: Builder):
    page = built.page
    keys = page.keyboard
    page.locator("#card-start .bd-open").focus()

    keys.press("ArrowDown")
    expect(built.card("A")).to_be_focused()
    keys.press("+")
    keys.type("translate")
    keys.press("Enter")
    expect(page.locator("#panel")).to_contain_text("Translate a text · step 2")
    expect(page.locator("#panel :focus")).to_be_visible()
    keys.press("Escape")
    expect(built.card("Translate a text")).to_be_focused()

    keys.press("Alt+ArrowDown")
    built.expect_column("A", "B", "Translate a text", "C", "Who is it?", "D")
    expect(built.card("Translate a text")).to_be_focused()
    keys.press("Control+d")
    built.expect_column("A", "B", "Translate a text", "Translate a text", "C", "Who is it?", "D")
    keys.press("Delete")
    built.expect_column("A", "B", "Translate a text", "C", "Who is it?", "D")
    keys.press("Control+z")
    built.expect_column("A", "B", "Translate a text", "Translate a text", "C", "Who is it?", "D")
    keys.press("Control+Shift+z")
    built.expect_column("A", "B", "Translate a text", "C", "Who is it?", "D")


def test_alt_and_the_arrows_carry_a_card_into_a_container_and_out_of_it(built: Builder):
    built.card("C").focus()

    built.page.keyboard.press("Alt+ArrowRight")
    expect(built.page.locator("#seq-route-cases-0 > .bd-step")).to_have_count(2)
    built.page.keyboard.press("Alt+ArrowDown")
    built.page.keyboard.press("Alt+ArrowDown")
    expect(built.page.locator("#seq-route-otherwise > .bd-step")).to_have_count(1)
    built.page.keyboard.press("Alt+ArrowLeft")

    built.expect_column("A", "B", "Who is it?", "D", "C")
    expect(built.card("C")).to_be_focused()
    assert built.steps() == ["a", "b", "route", "c"]


def test_several_cards_are_chosen_and_wrapped_together(built: Builder):
    built.card("A").focus()
    built.page.keyboard.press("Shift+ArrowDown")
    built.page.keyboard.press("m")
    built.page.get_by_role("menuitem", name="Repeat it").press("Enter")

    built.expect_column("Repeat", "A", "B", "C", "Who is it?", "D")
    assert [step["id"] for step in built.draft()["steps"][0]["steps"]] == ["a", "b"]


def test_steps_are_copied_as_text_into_another_workflow(built: Builder, scene: Scene):
    other = make_workflow(scene.department, {"format": 1, "name": "Other", "steps": []})
    built.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    built.card("Who is it?").focus()
    built.page.keyboard.press("Control+c")
    expect(built.page.locator("#said")).to_have_text("Copied")

    there = Builder(built.page, other).open()
    there.page.locator("#card-start .bd-open").focus()
    there.page.keyboard.press("Control+v")

    there.expect_column("Who is it?", "D")
    copied = there.page.evaluate("navigator.clipboard.readText()")
    assert "kind: flow.branch" in copied
    assert there.draft()["steps"] == built.draft()["steps"][3:]


def test_a_card_is_cut_and_pasted_elsewhere(built: Builder):
    built.card("A").focus()
    built.page.keyboard.press("Control+x")
    built.expect_column("B", "C", "Who is it?", "D")
    built.card("C").focus()
    built.page.keyboard.press("Control+v")

    built.expect_column("B", "C", "A", "Who is it?", "D")


def test_text_that_is_no_step_is_refused_with_a_sentence(built: Builder):
    built.page.expected = ("422",)
    built.card("A").focus()

    built.page.evaluate(
        """() => {
          const held = new DataTransfer();
          held.setData("text/plain", "kind words only");
          const target = document.activeElement;
          target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held, bubbles: true, cancelable: true }));
        }"""
    )

    expect(built.page.get_by_role("alert")).to_contain_text("holds no steps")
    assert built.steps() == ["a", "b", "c", "route"]


def test_a_question_mark_tells_what_the_keys_do(built: Builder, seen):
    built.card("A").focus()
    built.page.keyboard.press("?")

    expect(built.page.get_by_role("heading", name="What the keys do")).to_be_visible()
    seen("build-keys")


def test_every_change_is_said_aloud(built: Builder):
    built.card("A").focus()
    built.page.keyboard.press("Alt+ArrowDown")

    expect(built.page.locator("#said")).to_contain_text("Moved “A”")


# ── by drag ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def drag(page: Page, what: str, onto: str, *, below: bool = True) -> None:
    start, end = page.locator(what).bounding_box(), page.locator(onto).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 120, start["y"] + 24)
    page.mouse.down()
    page.mouse.move(start["x"] + 130, start["y"] + 34, steps=3)
    edge = end["y"] + (end["height"] - 6 if below else 6)
    page.mouse.move(end["x"] + 130, edge, steps=14)
    page.mouse.move(end["x"] + 132, edge + (2 if below else -2), steps=3)
    page.mouse.up()


def test_a_card_is_dragged_below_another(built: Builder):
    drag(built.page, "#card-a", "#card-b")

    built.expect_column("B", "A", "C", "Who is it?", "D")
    assert built.steps() == ["b", "a", "c", "route"]
    expect(built.page.locator("#panel")).to_contain_text("Choose a card to set it up")


def test_a_card_is_dragged_into_the_empty_way_of_a_branch(built: Builder):
    built.page.set_viewport_size({"width": 1600, "height": 1000})
    drag(built.page, "#card-c", "#seq-route-otherwise > .bd-end", below=False)

    expect(built.page.locator("#seq-route-otherwise #card-c")).to_be_visible()
    assert built.draft()["steps"][2]["otherwise"][0]["id"] == "c"


# ── two people, and a server out of reach ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def another(browser, live_server, scene: Scene, context, page):
    """A second person with a browser of her own."""
    from django.conf import settings
    from django.test import Client

    person = make_user("Carla Brandt", scene.department, "builder")
    client = Client()
    client.force_login(person)
    theirs = browser.new_context(base_url=live_server.url, viewport={"width": 1024, "height": 800})
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    theirs.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    yield theirs.new_page()
    theirs.close()


def test_two_people_at_different_steps_do_not_disturb_each_other(built: Builder, three: Workflow, another: Page):
    carla = Builder(another, three).open()
    built.more("A", "Delete")
    built.expect_column("B", "C", "Who is it?", "D")

    carla.more("C", "Duplicate")

    carla.expect_column("B", "C", "C 2", "Who is it?", "D")
    assert carla.steps() == ["b", "c", "c_2", "route"]


def test_a_change_of_somebody_else_appears_by_itself(built: Builder, three: Workflow, another: Page):
    carla = Builder(another, three).open()
    built.more("B", "Delete")
    built.saved()

    another.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    carla.expect_column("A", "C", "Who is it?", "D")
    expect(another.locator("#said")).to_contain_text("Britta Falk: Deleted “B”")


def test_two_people_at_the_same_title_see_both_sides_and_lose_nothing(
    built: Builder, three: Workflow, another: Page, seen
):
    built.page.expected = ("409",)
    carla = Builder(another, three).open()
    carla.card("B").click()
    built.card("B").click()
    another.get_by_role("textbox", name="Title of this step").fill("Carla’s letter")
    another.keyboard.press("Tab")
    carla.saved()
    expect(carla.card("Carla’s letter")).to_be_visible()

    built.page.get_by_role("textbox", name="Title of this step").fill("Britta’s letter")
    built.page.keyboard.press("Tab")

    dialog = built.page.get_by_role("dialog", name="You both changed the same thing")
    expect(dialog).to_contain_text("Carla’s letter")
    expect(dialog).to_contain_text("Britta’s letter")
    expect(dialog).to_contain_text("Carla Brandt")
    seen("build-conflict")
    assert built.draft()["steps"][1]["title"] == "Carla’s letter"
    dialog.get_by_role("button", name="Save mine over it").click()
    expect(built.card("Britta’s letter")).to_be_visible()
    assert built.draft()["steps"][1]["title"] == "Britta’s letter"


def test_keeping_what_is_saved_shows_it(built: Builder, three: Workflow, another: Page):
    built.page.expected = ("409",)
    carla = Builder(another, three).open()
    carla.card("B").click()
    built.card("B").click()
    another.get_by_role("textbox", name="Title of this step").fill("Carla’s letter")
    another.keyboard.press("Tab")
    expect(carla.card("Carla’s letter")).to_be_visible()
    carla.saved()

    built.page.get_by_role("textbox", name="Title of this step").fill("Britta’s letter")
    built.page.keyboard.press("Tab")
    built.page.get_by_role("button", name="Keep what is saved").click()

    expect(built.card("Carla’s letter")).to_be_visible()
    expect(built.page.get_by_role("textbox", name="Title of this step")).to_have_value("Carla’s letter")


def test_a_change_made_without_a_connection_is_kept_and_saved_later(built: Builder):
    built.page.expected = ("ERR_INTERNET_DISCONNECTED",)
    built.page.context.set_offline(True)
    built.more("A", "Delete")
    expect(built.page.get_by_role("button", name="Not saved: try again")).to_be_visible()
    built.expect_column("A", "B", "C", "Who is it?", "D")

    built.page.context.set_offline(False)

    built.expect_column("B", "C", "Who is it?", "D")
    assert built.steps() == ["b", "c", "route"]


# ── how it looks, and what it withstands ─────────────────────────────────────────────────────────────────────────────


def test_the_page_is_beautiful_in_every_width_and_light(scene: Scene, page: Page, sign_in, seen):
    workflow = make_workflow(scene.department, scenes.example("press_digest/with_review"), name="Press mention triage")
    sign_in(scene.builder)
    built = Builder(page, workflow).open()

    seen("build")
    built.card("How does it speak about us?").click()
    expect(page.locator("#panel [data-panel]")).to_be_visible()

    seen("build-panel")


def test_a_branch_stands_side_by_side(built: Builder, seen):
    built.card("Who is it?").click()
    expect(built.page.get_by_role("heading", name="The ways, tried from the first on")).to_be_visible()

    seen("build-branch")


def test_hostile_names_and_texts_show_as_text(scene: Scene, page: Page, sign_in, seen):
    steps = [text(f"s{number}", hostile, **{"with": {"text": hostile}}) for number, hostile in enumerate(HOSTILE)]
    case = {"title": HOSTILE[0], "when": {"value": HOSTILE[1], "is": "equal", "to": HOSTILE[7]}, "steps": [steps.pop()]}
    inputs = {"odd": {"title": HOSTILE[1], "help": HOSTILE[0], "default": HOSTILE[8]}}
    draft = {
        "format": 1,
        "name": HOSTILE[0],
        "inputs": inputs,
        "steps": [*steps, {"id": "way", "kind": "flow.branch", "title": HOSTILE[5], "cases": [case]}],
        "output": {"odd": "x" * 10_000},
    }
    workflow = make_workflow(scene.department, draft, name=HOSTILE[0])
    sign_in(scene.builder)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    built = Builder(page, workflow).open()

    for title in HOSTILE[:4]:
        expect(built.card(title).first).to_be_visible()
    built.card(HOSTILE[6]).click()
    expect(page.get_by_role("textbox", name="Title of this step")).to_have_value(HOSTILE[6])
    built.more(HOSTILE[6], "Duplicate")
    expect(built.card(f"{HOSTILE[6]} 2")).to_be_visible()
    page.get_by_role("button", name="History").click()
    expect(page.locator("#history")).to_contain_text("</textarea>")
    page.keyboard.press("Escape")
    seen("build-hostile")


def test_a_text_of_ten_thousand_characters_breaks_nothing(scene: Scene, page: Page, sign_in):
    long = "Wort" * 2_500
    draft = {"format": 1, "name": "Long", "steps": [text("a", "A" * 200, **{"with": {"text": long}})]}
    sign_in(scene.builder)
    built = Builder(page, make_workflow(scene.department, draft)).open()

    built.page.locator("#card-a .bd-open").click()
    expect(page.locator("#panel [data-panel]")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator("#card-a").bounding_box()
    assert box
    assert box["height"] < 200


def test_of_two_hundred_cards_only_the_changed_one_is_swapped(scene: Scene, page: Page, sign_in):
    steps = [text(f"s{number}", f"Step {number}") for number in range(200)]
    sign_in(scene.builder)
    built = Builder(page, make_workflow(scene.department, {"format": 1, "name": "Long", "steps": steps})).open()
    page.evaluate(WATCH_CARDS)
    page.locator("#card-s150").scroll_into_view_if_needed()

    page.locator("#card-s150 .bd-open").click()
    title = page.get_by_role("textbox", name="Title of this step")
    expect(title).to_be_visible()
    before = page.evaluate(DISTANCES)
    title.fill("Changed")
    page.keyboard.press("Tab")
    expect(built.card("Changed")).to_be_visible()

    assert page.evaluate("window.swapped") == ["card-s150"]
    assert page.evaluate(DISTANCES) == before


def test_the_page_s_own_weight_stays_under_300_kilobytes(built: Builder):
    weights = built.page.evaluate(WEIGH)

    assert weights < 300_000


def test_a_window_that_becomes_wide_while_the_panel_covers_it_shows_the_rest_again(built: Builder, page: Page):
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator("#flow [id^='card-']").first.get_by_role("button").first.click()
    expect(page.locator("#flow")).to_have_attribute("inert", "")
    page.set_viewport_size({"width": 1400, "height": 800})
    expect(page.locator("#flow")).not_to_have_attribute("inert", "")
