"""From the browser alone: a workflow gets a schedule and a webhook, and each is seen to start it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import pytest
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook

from connectors.connections import Told, connect
from departments.access import SYSTEM
from departments.models import Role, User
from tests import factories
from tests.workflows.runtime.harness import published
from workflows.models import Run, Trigger, Workflow
from workflows.services import watching

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]


@pytest.fixture
def workflow(sign_in: Callable[[User], None]) -> Workflow:
    legal = factories.make_department("Legal")
    sign_in(factories.make_user("Britta Falk", legal, Role.BUILDER))
    step = {"id": "a", "kind": "text.compose", "with": {"text": "News: {{ inputs.news }}"}}
    inputs = {"news": {"type": "text", "title": "News"}}
    return published([step], legal, name="Press desk", inputs=inputs, output={"text": "{{ steps.a.text }}"})


def test_a_schedule_is_set_up_and_started_once_by_hand(page: Page, workflow: Workflow, seen: Seen) -> None:
    page.goto(f"/workflows/{workflow.pk}/")
    expect(page.get_by_text("Only people start it so far.")).to_be_visible()
    page.get_by_role("link", name="Add").click()
    seen("trigger-choose")
    page.get_by_role("link", name="At certain times").click()
    page.get_by_label("How often").select_option("weekly")
    expect(page.get_by_label("Cron line")).to_be_hidden()
    page.get_by_label("On", exact=True).select_option("TUE")
    page.get_by_label("News").fill("It is {{ event.date }}")
    page.get_by_text("What the event holds").click()
    seen("trigger-schedule-new")
    page.get_by_role("button", name="Set up").click()

    expect(page.get_by_role("heading", name="At 08:00 on Tuesday")).to_be_visible()
    expect(page.get_by_text("Tuesday, ").first).to_contain_text("08:00")
    seen("trigger-schedule")
    page.get_by_role("button", name="Start now").click()
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    run = Run.objects.get()
    assert run.output["text"].startswith("News: It is 20")

    page.goto(f"/workflows/{workflow.pk}/")
    page.get_by_role("link", name="At 08:00 on Tuesday", exact=True).click()
    expect(page.get_by_text("started a run")).to_be_visible()
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("off", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("It starts nothing any more.")).to_be_visible()


def test_a_webhook_shows_its_secret_once_and_is_called(page: Page, workflow: Workflow, seen: Seen) -> None:
    page.goto(f"/workflows/{workflow.pk}/triggers/new/?kind=web.hook")
    page.get_by_role("textbox", name="Name · optional", exact=True).fill("Press room")
    page.get_by_label("News").fill("{{ event.body.text }}")
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_role("textbox", name="What to look at").fill("{{ event.body.kind }}")
    page.get_by_role("textbox", name="Compared with").fill("news")
    seen("trigger-webhook-new")
    page.get_by_role("button", name="Set up").click()
    secret = page.locator("code", has_text="whsec_").inner_text()
    address = page.locator("code", has_text="/hooks/").inner_text()
    seen("trigger-webhook")

    assert Trigger.objects.get().only_if == {"all": [{"value": "{{ event.body.kind }}", "is": "equal", "to": "news"}]}
    body, now = '{"kind": "news", "text": "All is well."}', datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
        "content-type": "application/json",
    }
    here = page.evaluate("location.origin") + "/hooks/" + address.rpartition("/")[2]
    answer = httpx2.post(here, content=body, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["output"]) == (200, {"text": "News: All is well."})

    page.goto(page.url if "/triggers/new/" not in page.url else f"/workflows/{workflow.pk}/")
    page.get_by_role("link", name="Press room", exact=True).click()
    expect(page.get_by_text("msg_1")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Renew the secret").click()
    expect(page.get_by_text("Its secret, shown this once")).to_be_visible()
    assert secret not in page.content()


def test_a_form_at_its_own_address_is_filled_in_by_somebody_without_an_account(
    page: Page, workflow: Workflow, seen: Seen
) -> None:
    page.goto(f"/workflows/{workflow.pk}/triggers/new/?kind=web.form")
    page.get_by_label("Above the questions").fill("Ask the press desk. We answer within a working day.")
    page.get_by_role("button", name="Set up").click()
    address = page.locator("code", has_text="/forms/").inner_text()
    page.context.clear_cookies()
    page.goto("/forms/" + address.rstrip("/").rpartition("/")[2] + "/")
    expect(page.get_by_text("We answer within a working day.")).to_be_visible()
    page.get_by_label("News").fill("All is well.")
    seen("hosted-form")
    page.wait_for_timeout(2_000)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Thank you. It has arrived.")).to_be_visible()
    seen("hosted-form-thanks")
    assert Run.objects.get().inputs == {"news": "All is well."}


def test_a_feed_is_watched_and_another_workflow_followed(page: Page, workflow: Workflow, seen: Seen) -> None:
    legal = workflow.department
    place = {"path": "/srv/exchange/press"}
    connect(legal, "folder", Told("Exchange", place), actor=SYSTEM)
    published(workflow.live.definition["steps"], legal, name="Clippings", inputs=workflow.live.definition["inputs"])

    page.goto(f"/workflows/{workflow.pk}/triggers/new/?kind=files.arrived")
    page.get_by_label("Place").select_option("Exchange")
    page.get_by_label("Only names like").fill("*.pdf")
    page.get_by_text("What the event holds").click()
    seen("trigger-files-new")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="When a file arrives in exchange")).to_be_visible()
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("It looks in a moment.")).to_be_visible()

    trigger = Trigger.objects.get()
    lease = watching.take(trigger.pk)
    assert lease is not None
    watching.look(trigger.pk, lease)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("not among the folders that this department may use")
    seen("trigger-files-fails")

    page.goto(f"/workflows/{workflow.pk}/triggers/new/?kind=workflow.ended")
    expect(page.get_by_label("Workflow").get_by_role("option", name="Press desk")).to_have_count(0)
    page.get_by_label("Workflow").select_option("Clippings")
    page.get_by_label("How it ends").select_option("It fails")
    page.get_by_label("News").fill("{{ event.error.message }}")
    seen("trigger-ended-new")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="When “clippings” fails")).to_be_visible()
