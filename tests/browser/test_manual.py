"""When the AI is away: a person instead of a step, and manual mode while runs are under way, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from departments.models import Department, Role, User
from tests import factories
from tests.scripted_provider import MODEL, ScriptedProvider, fails, scripted_provider
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.engine.definition import load
from workflows.models import Task

__all__ = ["scripted_provider"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]

WRITE: dict[str, Any] = {
    "id": "write",
    "kind": "ai.write",
    "with": {"instructions": "Announce it."},
    "retry": {"attempts": 5, "first_delay_s": 3_600, "longest_s": 7_200},
}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def test_manual_mode_switched_on_turns_what_waits_into_tasks_and_says_so_on_every_page(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen, scripted_provider: ScriptedProvider
) -> None:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    scripted_provider.reply = lambda _asked: fails(500)
    mona = factories.make_user("Mona Lund", legal, Role.MANAGER)
    workflow = published([{**WRITE, "helper": {"role": "operator"}}], legal, name="Announcement")
    runs = [carried(run_of(workflow)) for _ in range(3)]
    asked = len(scripted_provider.requests)

    sign_in(mona)
    page.goto("/manual/")
    seen("manual-off")
    page.get_by_label("For what").select_option(label="All of Legal")
    page.get_by_label("Why").fill("The provider is down.")
    page.get_by_role("button", name="Switch manual mode on").click()
    expect(page.get_by_text("In Legal people do what AI steps would do")).to_be_visible()
    seen("manual-on")
    for run in runs:
        carried(run)
    assert (Task.objects.count(), len(scripted_provider.requests)) == (3, asked)

    page.goto("/runs/")
    expect(page.get_by_text("The provider is down.")).to_be_visible()
    for number, task in enumerate(Task.objects.order_by("pk")):
        page.goto(f"/tasks/{task.pk}/")
        page.get_by_label("Text").fill(f"By hand {number}.")
        page.get_by_role("button", name="Go on with this result").click()
        page.wait_for_load_state()
    for run in runs:
        carried(run)
        run.refresh_from_db()

    assert [run.status for run in runs] == ["succeeded"] * 3
    assert len(scripted_provider.requests) == asked


def test_on_the_page_of_a_workflow_it_goes_on_with_a_reason_and_off_with_a_choice(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen, scripted_provider: ScriptedProvider
) -> None:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    workflow = published([{**WRITE, "helper": {"role": "operator"}}], legal, name="Announcement")

    sign_in(factories.make_user("Bea Lind", legal, Role.BUILDER))
    page.goto(f"/workflows/{workflow.pk}/")
    page.get_by_text("Let people do its AI steps").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why").fill("It writes nonsense.")
    seen("manual-workflow-off")
    page.get_by_role("button", name="Switch manual mode on").click()
    expect(page.get_by_text("People do the AI steps of “Announcement”")).to_be_visible()
    runs = [carried(run_of(workflow)) for _ in range(2)]
    page.reload()
    expect(page.get_by_text("2 tasks wait because of it and nobody has taken them.")).to_be_visible()
    seen("manual-workflow-on")
    page.get_by_label("The AI does them after all").check()
    page.get_by_role("button", name="Switch manual mode off").click()
    expect(page.get_by_text("2 tasks were handed back to the AI.")).to_be_visible()
    for run in runs:
        carried(run)
        run.refresh_from_db()

    assert [run.status for run in runs] == ["succeeded"] * 2
    assert len(scripted_provider.requests) == 2


def test_a_person_instead_is_chosen_where_a_step_fails(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen
) -> None:
    factories.make_model(name=MODEL, is_default=True)
    ada = factories.make_user("Ada Ekman", legal, Role.OPERATOR)
    factories.make_group(legal, ada, name="Night desk")
    workflow = factories.make_workflow(legal, {"name": "News", "steps": [WRITE]})

    sign_in(factories.make_user("Bea Lind", legal, Role.BUILDER))
    page.goto(f"/workflows/{workflow.pk}/build/?step=write")
    page.locator("#more-failing summary").first.click()
    expect(page.get_by_text("A person could carry on instead.")).to_be_visible()
    expect(page.get_by_label("Who carries on by hand")).to_be_hidden()
    with page.expect_response(lambda answer: "settings" in answer.url):
        page.get_by_label("When it fails for good").select_option("ask")
    with page.expect_response(lambda answer: "settings" in answer.url):
        page.get_by_label("Or a group").select_option(label="Night desk")
    seen("ask-a-person-instead")

    workflow.refresh_from_db()
    node = load(workflow.draft).steps[0]
    assert (node.on_error, node.helper and node.helper.group) == ("ask", "night-desk")
