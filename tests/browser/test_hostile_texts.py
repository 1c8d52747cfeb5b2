"""Pages full of hostile texts in a real browser: nothing runs, nothing is asked for elsewhere, nothing overflows (H03).

The fixture `page` fails for every report of the content security policy and every error of a script: code among the
texts would call a function that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Page, expect

from departments.models import User
from tests.browser.build import Builder
from tests.hostile_texts import TEXTS
from tests.workflows.pages.hostile import Hostile, Pen, a_hostile_department

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

WIDE = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return "";
  const scrolls = (one) => one && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
  const isOut = (one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1;
  const all = [...document.querySelectorAll("main *, header *")];
  const out = all.filter((one) => isOut(one) && !scrolls(one.parentElement) && !one.firstElementChild);
  return out.slice(0, 8).map((one) => `${one.parentElement.className} ${one.className}: ${one.textContent}`).join("; ");
}"""
"""What stands out of the window, for the message."""
LATER = 70
"""By how many texts the second and third round are ahead, so that each field holds three of them."""
TITLES = ["<div id=build data-revision=0 data-h03=x></div>", "\u202eevil\u202c gnp.exe", "<script>h03x000()</script>"]


@pytest.fixture(params=[0, LATER, 2 * LATER])
def hostile(request: pytest.FixtureRequest) -> Hostile:
    return a_hostile_department(Pen(TEXTS[request.param :] + TEXTS[: request.param]))


@pytest.fixture
def watched(page: Page) -> Page:
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.on("request", lambda asked: None if is_ours(asked.url) else pytest.fail(f"the page asked for {asked.url}"))
    return page


def is_ours(address: str) -> bool:
    return address.startswith(("http://localhost", "http://127.0.0.1", "data:image/svg+xml", "about:"))


def pages_of(hostile: Hostile) -> list[tuple[User, str]]:
    workflow, manager = hostile.scene.workflow, hostile.people["manager"]
    names = ("home", "workflows", "runs", "tasks", "library", "manual", "absence", "ledger")
    found = [
        *(reverse(name) for name in names),
        *(of(workflow, name) for name in ("workflow", "publish", "versions", "export")),
        f"{of(workflow, 'compare')}?from=1&to=2",
        of(hostile.run, "run"),
        *(of(task, "task") for task in hostile.tasks),
        *(of(saved, "saved") for saved in hostile.saved),
        reverse("department", args=[hostile.scene.department.slug]),
    ]
    root = hostile.administrator
    return [*((manager, address) for address in found), (root, reverse("admin:workflows_workflow_changelist"))]


def of(thing: Model, name: str) -> str:
    return reverse(name, args=[thing.pk])


def fits(page: Page, place: str) -> None:
    assert page.evaluate(WIDE) == "", place


def test_every_page_shows_hostile_texts_without_running_or_overflowing(
    hostile: Hostile, watched: Page, sign_in: Callable[[User], None]
) -> None:
    watched.set_viewport_size({"width": 360, "height": 800})
    too_wide = {}

    for person, address in pages_of(hostile):
        sign_in(person)
        watched.goto(address)
        for details in watched.locator("main details:not([open]) > summary").all():
            details.click() if details.is_visible() else None
        watched.wait_for_load_state("networkidle")
        if "/admin/" not in address and (found := watched.evaluate(WIDE)):
            too_wide[address] = found

    assert not too_wide, "\n".join(f"{address}: {found}" for address, found in too_wide.items())


def test_the_build_page_opens_edits_and_previews_hostile_steps(
    hostile: Hostile, watched: Page, sign_in: Callable[[User], None]
) -> None:
    sign_in(hostile.scene.builder)
    built = Builder(watched, hostile.scene.workflow).open()
    fits(watched, "build")

    steps = [step["id"] for step in hostile.scene.workflow.draft["steps"]]
    for step in steps[::4]:
        watched.locator(f"#card-{step} .bd-open").click()
        expect(watched.locator(f"#panel [data-panel='step:{step}']")).to_be_visible()
        fits(watched, step)
    title = watched.get_by_role("textbox", name="Title of this step")
    for text in TITLES:
        title.fill(text)
        watched.keyboard.press("Tab")
        expect(watched.locator(f"#card-{steps[::4][-1]} .bd-open")).to_have_text(text)
    built.saved()
    watched.get_by_role("button", name="History").click()
    expect(watched.locator("#history")).to_contain_text(TITLES[-1])
    watched.keyboard.press("Escape")


def test_hostile_data_is_picked_and_previewed_as_text(hostile: Hostile, watched: Page, sign_in: Any) -> None:
    sign_in(hostile.scene.builder)
    workflow = hostile.scene.workflow
    compose = next(step["id"] for step in workflow.draft["steps"] if step["kind"] == "text.compose")
    Builder(watched, workflow).open()
    watched.locator(f"#card-{compose} .bd-open").click()
    field = watched.locator("[data-field='with-text']")
    field.get_by_role("textbox").fill("")

    field.get_by_role("button", name="Insert data").click()
    picker = watched.get_by_role("dialog", name="Insert data")
    expect(picker.locator("[data-pick]").first).to_be_visible()
    picker.locator("[data-pick='{{ inputs.long_text }}']").click()

    expect(field.locator(".td-preview")).to_contain_text("Preview")
    fits(watched, "picked")
