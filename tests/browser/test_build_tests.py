"""Testing while building, in a real browser: a step, what comes before it, the whole draft, and a sample by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests.browser.build import Builder
from tests.factories import make_department, make_model, make_user
from tests.steps import probes
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, Sample, Workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POST = {"method": "POST", "url": "https://press.example/desk", "body_text": "{{ steps.greet.text }}"}
DRAFT: dict[str, Any] = {
    "format": 1,
    "name": "Greet the press",
    "inputs": {"name": {"type": "text", "title": "Name"}},
    "steps": [
        {"id": "greet", "kind": "text.compose", "title": "Greet", "with": {"text": "Good morning {{ inputs.name }}"}},
        {"id": "send", "kind": "http.request", "title": "Tell the desk", "with": POST},
        {"id": "ask", "kind": "people.approve", "title": "Ask Astrid", "with": {"question": "May we publish?"}},
        {"id": "close", "kind": "text.compose", "title": "Close", "with": {"text": "{{ steps.send.status }}: done"}},
    ],
    "output": {"said": "{{ steps.close.text }}"},
}


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    probes.reset()
    with silent_broker():
        yield


@pytest.fixture
def builder(page: Page, sign_in: Callable[[User], None]) -> Iterator[Builder]:
    """Britta at her page; it is left at the end, so that nothing asks the server any more."""
    department = make_department("Communications")
    workflow = Workflow.objects.create(department=department, name="Greet the press", slug="greet", draft=DRAFT)
    sign_in(make_user("Britta Falk", department, Role.BUILDER))
    yield Builder(page, workflow).open()
    page.goto("about:blank")


def newest() -> Run:
    return Run.objects.order_by("-pk")[0]


def test_a_whole_test_from_the_bar_with_a_question_and_a_rehearsal(builder: Builder, seen: Any) -> None:
    page = builder.page
    page.get_by_role("button", name="Test run").click()
    sheet = page.locator("#test-sheet")
    expect(sheet.get_by_text("Otherwise these are only rehearsed: Tell the desk.")).to_be_visible()
    seen("build-test-sheet")
    sheet.get_by_label("Name").fill("Ada")
    sheet.get_by_role("button", name="Run the test").click()

    expect(sheet.get_by_role("button", name="Stop")).to_be_visible()
    carried(newest())
    expect(sheet.get_by_text("Waits for you")).to_be_visible()
    with page.context.expect_page() as opened:
        sheet.get_by_role("link", name="Decide as a test").click()
    opened.value.get_by_role("button", name="Approve A").click()
    expect(opened.value).to_have_url(re.compile(r"/tasks/$"))
    opened.value.close()
    carried(newest())

    expect(sheet.get_by_text("200: done").first).to_be_visible()
    would = "Would send POST to https://press.example/desk: Good morning Ada"
    expect(sheet.get_by_text(would).first).to_be_visible()
    seen("build-test-over")
    assert newest().status == "succeeded"


def test_a_step_is_tested_by_keyboard_up_to_it_and_then_alone(builder: Builder, seen: Any) -> None:
    page = builder.page
    Sample.objects.create(workflow=builder.workflow, step_id="", output={"name": "Ada"})
    builder.card("Tell the desk").click()
    area = page.locator("#test")
    expect(area.get_by_text("Not tested yet: Greet.")).to_be_visible()

    area.get_by_role("button", name="Up to here").focus()
    page.keyboard.press("Enter")
    expect(area.get_by_role("button", name="Stop")).to_be_visible()
    carried(newest())
    expect(area.get_by_text("made up: only rehearsed")).to_be_visible()
    expect(area.get_by_text("Not tested yet")).to_have_count(0)
    seen("build-test-step")

    area.get_by_role("button", name="Test this step").focus()
    page.keyboard.press("Enter")
    expect(area.get_by_role("button", name="Stop")).to_be_visible()
    carried(newest())
    expect(area.get_by_role("button", name="Stop")).to_have_count(0)
    assert [run.version.part for run in Run.objects.order_by("pk")] == ["up_to:send", "only:send"]


def test_a_sample_is_written_by_hand_and_the_next_step_uses_it(builder: Builder) -> None:
    page = builder.page
    builder.card("Greet").click()
    area = page.locator("#test")
    area.get_by_role("button", name="Write a sample result by hand").click()
    area.get_by_label("Text").fill("By hand <b>x</b>")
    area.get_by_role("button", name="Keep it").click()
    expect(area.get_by_text("written by hand")).to_be_visible()
    expect(area.get_by_text("By hand <b>x</b>")).to_be_visible()

    builder.card("Tell the desk").click()
    expect(page.locator("#test .bt-before")).to_contain_text("Greet")
    area.get_by_role("button", name="Test this step").click()
    expect(area.get_by_role("button", name="Stop")).to_be_visible()
    carried(newest())

    would = "Would send POST to https://press.example/desk: By hand"
    expect(area.get_by_text(would).first).to_be_visible()


def test_what_a_test_costs_follows_the_model_that_is_chosen(page: Page, sign_in: Callable[[User], None]) -> None:
    department = make_department("Communications")
    make_model(name="free"), make_model(name="dear", title="Dear", price_in=500, price_out=1500)
    write = {
        "id": "write",
        "kind": "ai.write",
        "title": "Write",
        "with": {"instructions": "Thank them.", "model": "free"},
    }
    draft = {"format": 1, "name": "Thanks", "steps": [write]}
    workflow = Workflow.objects.create(department=department, name="Thanks", slug="thanks", draft=draft)
    sign_in(make_user("Britta Falk", department, Role.BUILDER))
    builder = Builder(page, workflow).open()
    builder.card("Write").click()
    costs = page.locator("#test-costs")
    expect(costs).to_contain_text("the model costs nothing")

    page.locator("#panel summary", has_text="More settings").click()
    page.get_by_label("Model", exact=False).select_option(label="Dear")

    expect(costs).to_contain_text("for about $")
    page.goto("about:blank")


def test_a_test_is_stopped(builder: Builder) -> None:
    page = builder.page
    page.get_by_role("button", name="Test run").click()
    sheet = page.locator("#test-sheet")
    sheet.get_by_label("Name").fill("Ada")
    sheet.get_by_role("button", name="Run the test").click()
    sheet.get_by_role("button", name="Stop").click()

    expect(sheet.get_by_text("Cancelled").first).to_be_visible()
    assert newest().status == "cancelled"
    sheet.get_by_role("button", name="Test again").click()
    expect(sheet.get_by_label("Name")).to_have_value("Ada")


def test_a_step_that_is_not_ready_says_why(builder: Builder) -> None:
    draft = {**DRAFT, "steps": [{"id": "broken", "kind": "text.compose", "title": "Broken", "with": {}}]}
    Workflow.objects.filter(pk=builder.workflow.pk).update(draft={**draft, "output": {}})
    builder.open()
    builder.page.expected = ("422",)  # type: ignore[attr-defined]
    builder.card("Broken").click()

    builder.page.locator("#test").get_by_role("button", name="Test this step").click()

    expect(builder.page.locator("#test [role=alert]")).to_contain_text("It cannot be tested yet")
