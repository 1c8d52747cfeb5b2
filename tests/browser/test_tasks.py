"""Deciding tasks of every kind, alone and many at once, by mouse and by keyboard, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from departments.models import Role, User
from tests.factories import make_model, make_provider, make_user
from tests.scripted_provider import MODEL, ScriptedProvider, fails, gives, scripted_provider
from tests.steps import probes
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.pages.test_task_kinds import CHOOSE, FORM, REVIEW, SEND, asked
from tests.workflows.runtime.harness import carried, claim, lose_the_worker, published, run_of, silent_broker
from workflows.models import Decision, Task, TaskStatus
from workflows.runtime import store

__all__ = ["scripted_provider"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[[User], None]
Seen = Callable[[str], None]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def nobody_is_told() -> Iterator[None]:
    probes.reset()
    with silent_broker():
        yield


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def test_a_review_is_edited_while_what_leaves_follows_and_is_sent_back(
    scene: Scene, page: Page, sign_in: SignIn, seen: Seen, scripted_provider: ScriptedProvider
) -> None:
    served = make_provider(name="Far away", base_url=scripted_provider.base_url)
    make_model(served, name=MODEL, is_default=True)
    scripted_provider.script = [gives({"text": "We are glad."}), gives({"text": "We regret it."})]
    write = {"id": "write", "kind": "ai.write", "with": {"instructions": "Announce it."}}
    given = {
        "question": "Is this it?",
        "draft": "{{ steps.write.text }}",
        "sends": "send",
        "then": [{"role": "manager"}],
    }
    task = asked(scene, write, {**REVIEW, "with": given}, SEND)
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    letter = page.locator(".td-letter")
    expect(letter).to_have_text("We are glad.")
    page.keyboard.press("e")
    page.get_by_label("Your text").fill("We are very glad.")
    expect(letter).to_have_text("We are very glad.")
    expect(page.locator("ins")).to_contain_text("very")
    seen("task-sending")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    dialog = page.get_by_role("dialog", name="Send back")
    dialog.get_by_role("button", name="Send back").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("What should be different?").fill("Sadder, please.")
    seen("task-send-back")
    dialog.get_by_role("button", name="Send back").click()
    expect(page.get_by_text("You sent “Is this it?” back.")).to_be_visible()
    again = carried(task.run).tasks.get(status=TaskStatus.OPEN)

    page.goto(f"/tasks/{again.pk}/")
    expect(letter).to_have_text("We regret it.")
    page.get_by_text("Round 1, sent back").click()
    expect(page.get_by_text("Sadder, please.")).to_be_visible()
    seen("task-second-round")
    page.get_by_role("button", name="Approve and send").click()

    expect(page.get_by_text("You approved “Is this it?”.")).to_be_visible()
    assert [each.decision for each in Decision.objects.order_by("at")] == ["send_back", "approve"]


def test_a_form_says_what_is_wrong_and_is_put_right(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    page.expected = ("422",)  # type: ignore[attr-defined]
    task = asked(scene, FORM)
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    seen("task-form")
    page.get_by_label("Budget").fill("a lot")
    page.get_by_role("textbox", name="Why · optional").fill("Because.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_text("Write a number, for example 12 or 3.5.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Why · optional")).to_have_value("Because.")
    seen("task-form-wrong")
    page.get_by_label("Budget").fill("500")
    page.get_by_role("button", name="Send the answer").click()

    expect(page.get_by_text("You answered “What may it cost?”.")).to_be_visible()
    assert Decision.objects.get().answer["values"] == {"budget": 500, "why": "Because.", "rush": False}


def test_a_draft_is_chosen_changed_and_taken(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    drafts = {**CHOOSE, "with": {**CHOOSE["with"], "drafts": ["Short", "Long one", EVIL]}}
    task = asked(scene, drafts)
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    editor = page.get_by_label("Your text")
    page.get_by_role("radio", name="Draft 3").check()
    expect(editor).to_have_value(EVIL)
    page.get_by_role("radio", name="Draft 2").check()
    expect(editor).to_have_value("Long one")
    editor.fill("Longer one")
    expect(page.locator("ins")).to_have_text("Longer")
    page.get_by_role("radio", name="Draft 1").check()
    expect(editor).to_have_value("Short")
    page.get_by_role("radio", name="Draft 2").check()
    expect(editor).to_have_value("Longer one")
    seen("task-choose")
    page.get_by_role("button", name="Take this one").click()

    expect(page.get_by_text("You chose a draft for “Which?”.")).to_be_visible()
    answer = Decision.objects.get().answer
    assert (answer["option"], answer["text"]) == (2, "Longer one")


def test_a_failed_step_is_carried_on_by_hand(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    seven = {"id": "seven", "kind": "text.compose", "with": {"text": "7"}}
    given = {"operation": "sort", "items": "{{ steps.seven.text }}"}
    broken = {"id": "list", "kind": "data.list", "title": "In order", "with": given, "on_error": "ask"}
    task = asked(scene, seven, broken)
    sign_in(make_user("Mona Ek", scene.department, Role.MANAGER))

    page.goto(f"/tasks/{task.pk}/")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    seen("task-by-hand")
    page.get_by_role("textbox", name="Items", exact=True).fill('["Hello"]')
    page.get_by_role("textbox", name="Number of items").fill("1")
    page.get_by_role("button", name="Go on with this result").click()

    expect(page.get_by_text("You answered")).to_be_visible()
    assert carried(task.run).status == "succeeded"


def test_what_may_have_been_sent_is_looked_at_and_never_sent_again(
    scene: Scene, page: Page, sign_in: SignIn, seen: Seen
) -> None:
    run = run_of(published([{"id": "send", "kind": "probe.unsafe", "with": {}}], scene.department, name="Letters"))
    store.announce_effect(claim(run).step)
    lose_the_worker(run, "send")
    task = carried(run).tasks.get(status=TaskStatus.OPEN)
    sign_in(make_user("Mona Ek", scene.department, Role.MANAGER))

    page.goto(f"/tasks/{task.pk}/")
    expect(page.get_by_text("Do it again: choose this only when you have seen that nothing arrived")).to_be_visible()
    seen("task-perhaps-happened")
    page.get_by_label("Value").fill('"It arrived."')
    page.get_by_role("button", name="It has happened").click()

    expect(page.get_by_text("You said that it has happened")).to_be_visible()
    assert (carried(run).status, probes.SENT) == ("succeeded", [])
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_text("known by Mona Ek to have happened")).to_be_visible()


def test_a_result_of_several_rows_is_given_by_hand(
    scene: Scene, page: Page, sign_in: SignIn, seen: Seen, scripted_provider: ScriptedProvider
) -> None:
    served = make_provider(name="Far away", base_url=scripted_provider.base_url)
    make_model(served, name=MODEL, is_default=True)
    scripted_provider.reply = lambda _asked: fails(500)
    given = {"question": "May we end it?", "documents": [{"name": "Contract", "text": "Either party may end it."}]}
    ask = {"id": "ask", "kind": "ai.answer", "with": given, "on_error": "ask", "retry": {"attempts": 1}}
    task = asked(scene, ask)
    sign_in(make_user("Mona Ek", scene.department, Role.MANAGER))

    page.goto(f"/tasks/{task.pk}/")
    page.get_by_role("textbox", name="Answer").fill("Yes.")
    page.get_by_label("Found").check()
    quotes = page.get_by_role("group", name="Quotes", exact=True)
    for number, passage in enumerate(("Either party", "may end it.")):
        quotes.get_by_role("button", name="Add").last.click()
        quotes.get_by_label("Document").nth(number).fill("Contract")
        quotes.get_by_label("Passage").nth(number).fill(passage)
    seen("task-by-hand-rows")
    page.get_by_role("button", name="Go on with this result").click()

    expect(page.get_by_text("You answered")).to_be_visible()
    output = carried(task.run).steps.get().output
    assert (output["answer"], output["found"]) == ("Yes.", True)
    assert [each["passage"] for each in output["quotes"]] == ["Either party", "may end it."]


def test_who_has_taken_a_task_is_seen_by_a_second_person(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    task = asked(scene, REVIEW)
    sign_in(scene.approver)
    page.goto(f"/tasks/{task.pk}/")
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_text("You have taken this task.")).to_be_visible()

    sign_in(make_user("Olle Ek", scene.department, Role.APPROVER))
    page.goto("/tasks/")
    expect(page.get_by_text("taken by Astrid Berg")).to_be_visible()
    page.get_by_role("link", name="Is this it?").click()

    expect(page.get_by_text("Astrid Berg has taken this task")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    seen("task-taken")


def test_a_task_is_handed_over_with_a_reason(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    olle = make_user("Olle Ek", scene.department, Role.APPROVER)
    task = asked(scene, REVIEW)
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    page.get_by_role("button", name="Hand over…").click()
    dialog = page.get_by_role("dialog", name="Hand over")
    dialog.get_by_label("To whom?").select_option(label="Olle Ek")
    dialog.get_by_label("Why?").fill("You know it better.")
    seen("task-hand-over")
    dialog.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("You handed “Is this it?” over.")).to_be_visible()
    page.get_by_role("link", name="Handed over").click()

    expect(page.get_by_role("link", name="Is this it?")).to_be_visible()
    assert task.assignees.get(until=None, person=olle).by == scene.approver


def test_many_alike_are_decided_by_one_confirmation(scene: Scene, page: Page, sign_in: SignIn, seen: Seen) -> None:
    for number in range(3):
        scenes.a_task(scene, kind="approve", draft="", question=f"May {number} go?")
    scenes.a_task(scene, question="A review?")
    sign_in(scene.approver)

    page.goto("/tasks/")
    page.get_by_role("checkbox", name="Tick “May 0 go?”").check()
    expect(page.get_by_role("checkbox", name="Tick “A review?”")).to_be_disabled()
    page.get_by_role("button", name="Tick all of this step").click()
    seen("tasks-ticked")
    page.get_by_role("button", name="Decide 3…").click()
    expect(page.get_by_role("heading", name="Decide 3 tasks")).to_be_visible()
    seen("tasks-many")
    scenes.decided(Task.objects.get(question="May 1 go?"), scene.operator)
    page.get_by_role("button", name="Approve all 3").click()

    expect(page.get_by_text("2 of 3 decided")).to_be_visible()
    expect(page.get_by_text("Olga Lind has approved this already.")).to_be_visible()
    seen("tasks-many-done")
    assert Decision.objects.filter(via="many", decision="approve").count() == 2


def test_the_inbox_works_by_keyboard_alone(scene: Scene, page: Page, sign_in: SignIn) -> None:
    for number in range(3):
        scenes.a_task(scene, kind="approve", draft="", question=f"May {number} go?")
    sign_in(scene.approver)

    page.goto("/tasks/")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="May 0 go?")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="May 1 go?")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="May 2 go?")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="May 1 go?")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text("You approved “May 1 go?”.")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Reject")
    expect(dialog.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("Too early.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("You rejected “May 0 go?”.")).to_be_visible()


def test_a_task_decided_while_the_list_is_open_says_by_whom(
    scene: Scene, page: Page, sign_in: SignIn, browser: Browser
) -> None:
    task = scenes.a_task(scene)
    sign_in(scene.approver)

    page.goto("/tasks/")
    scenes.decided(task, scene.operator)
    # As the clock of the page does every half a minute.
    page.evaluate("htmx.ajax('POST', '/tasks/news/', {source: '#many [hx-post]', swap: 'none'})")

    expect(page.get_by_text("Olga Lind approved")).to_be_visible()
