"""Each page does what its row in the design says, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.services.test_measures import decision
from workflows.models import Run, RunStatus, StepStatus

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def test_home_shows_what_waits_for_me_my_runs_and_the_week(scene: Scene, page: Page, sign_in, seen):
    scenes.a_waiting_run(scene)
    for status in (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED, RunStatus.FAILED):
        scenes.a_run(scene, status, starter_id=str(scene.approver.pk), started_by=scene.approver.name)
    sign_in(scene.approver)

    page.goto("/")

    expect(page.get_by_role("link", name="May this pack go out?")).to_be_visible()
    expect(page.get_by_role("region", name="Your latest runs").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_text("4 runs")).to_be_visible()
    expect(page.get_by_role("link", name="2 succeeded")).to_be_visible()
    expect(page.get_by_role("link", name="Tasks open: 1")).to_be_visible()
    seen("home")


def test_home_of_a_newcomer_says_what_to_do_next(scene: Scene, page: Page, sign_in, seen):
    sign_in(scene.operator)

    page.goto("/")

    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    expect(page.get_by_role("link", name="Campaign brief into channel copy")).to_be_visible()
    seen("home-empty")


def test_the_list_of_workflows_is_searched_while_typing(scene: Scene, page: Page, sign_in, seen):
    scenes.make_workflow(scene.department, name="Quiet draft", description="Not yet published.")
    scenes.a_run(scene, RunStatus.SUCCEEDED)
    scenes.a_run(scene, RunStatus.FAILED)
    sign_in(scene.viewer)

    page.goto("/workflows/")
    expect(page.get_by_role("meter", name="Success rate of Campaign brief")).to_have_attribute("value", "50")
    seen("workflows")
    page.get_by_role("searchbox").fill("quiet")

    expect(page.get_by_role("link", name="Quiet draft")).to_be_visible()
    expect(page.get_by_role("link", name="Campaign brief into channel copy")).to_have_count(0)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No workflow speaks of “nothing like it”")).to_be_visible()
    seen("workflows-none")


def test_a_workflow_tells_what_people_made_of_its_drafts(scene: Scene, page: Page, sign_in, seen):
    verdicts = ("accepted", "accepted", "lightly", "heavily", "sent_back", "rejected", *("accepted",) * 8)
    for verdict in verdicts:
        draft = {"drafted_by": "pack", "model": "practice", "words": 120, "words_changed": 12}
        decision(scene, verdict=verdict, look_s=2.0, open_s=4_000.0, **draft)
    sign_in(scene.viewer)

    page.goto(f"/workflows/{scene.workflow.pk}/")
    made = page.get_by_role("region", name="What people made of it")
    expect(made.get_by_text("71 % accepted as it was")).to_be_visible()
    expect(made.get_by_text("is approved nearly unread")).to_be_visible()
    seen("workflow-made-of-it")
    made.get_by_role("link", name="By version").click()
    expect(page.get_by_text("71 % accepted as it was")).to_be_visible()
    seen("versions-made-of-it")


def test_a_workflow_is_read_as_sentences_and_started_with_its_sample(scene: Scene, page: Page, sign_in, seen):
    scenes.a_run(scene)
    sign_in(scene.operator)

    page.goto(f"/workflows/{scene.workflow.pk}/")
    expect(page.get_by_role("heading", name="The brand owner reads and edits")).to_be_visible()
    page.get_by_role("link", name="Fill in the sample").click()
    expect(page.get_by_label("Campaign brief")).to_have_value(scenes.SAMPLE["brief"])
    expect(page.get_by_label("Channels")).to_have_value("E-mail\nAd")
    seen("workflow")
    page.get_by_role("button", name="Start the workflow").click()

    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    run = Run.objects.order_by("-pk")[0]
    assert (run.inputs, run.started_by) == (scenes.SAMPLE, "Olga Lind")


def test_a_form_that_lacks_something_comes_back_with_what_was_typed(scene: Scene, page: Page, sign_in, seen):
    page.expected = ("422",)
    sign_in(scene.operator)

    page.goto(f"/workflows/{scene.workflow.pk}/")
    page.get_by_label("Channels").fill("Poster")
    page.get_by_role("button", name="Start the workflow").click()

    expect(page.get_by_text("This is needed.")).to_be_visible()
    expect(page.get_by_label("Channels")).to_have_value("Poster")
    assert Run.objects.count() == 0
    seen("workflow-refused")


def test_somebody_who_may_only_look_gets_no_start_button(scene: Scene, page: Page, sign_in):
    sign_in(scene.viewer)

    page.goto(f"/workflows/{scene.workflow.pk}/")

    expect(page.get_by_text("Your role lets you look at this workflow")).to_be_visible()
    expect(page.get_by_role("button", name="Start the workflow")).to_have_count(0)


def test_a_run_fills_while_it_goes_on_and_its_open_steps_stay_open(scene: Scene, page: Page, sign_in, seen):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    facts = scenes.a_step(run, "facts", "ai.extract", summary="found four facts")
    scenes.a_try(facts)
    sign_in(scene.operator)

    page.goto(f"/runs/{run.pk}/")
    page.get_by_text("What does the brief say?", exact=True).click()
    page.get_by_text("What practice was asked and answered").click()
    expect(page.get_by_text("Find in the text: product, audience")).to_be_visible()
    copies = scenes.a_step(run, "copies", "flow.for_each", StepStatus.WAITING, waits_for="children")
    scenes.items_of(copies, ["succeeded", "running", "queued"])

    expect(page.get_by_text("1 of 3")).to_be_visible()
    expect(page.get_by_text("Find in the text: product, audience")).to_be_visible()
    seen("run-running")
    output = {"pack": "# Round-Up\n\nSave with **every** payment.", "risky": 1}
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, output=output, finished_at=timezone.now())
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.locator("#run")).not_to_have_attribute("hx-trigger", "every 1s")
    expect(page).to_have_title("Succeeded · Campaign brief: Acme Bank Round-Up · Tandem")


def test_a_run_that_waits_leads_to_its_task_and_its_failed_items(scene: Scene, page: Page, sign_in, seen):
    run = scenes.a_waiting_run(scene)
    failed = Run.objects.get(parent=run, status=RunStatus.FAILED)
    sign_in(scene.approver)

    page.goto(f"/runs/{run.pk}/")

    expect(page.get_by_text("Waits for the role Approver")).to_be_visible()
    expect(page.get_by_role("link", name="Failed: 3")).to_have_attribute("href", f"/runs/{failed.pk}/")
    page.get_by_text("What does the brief say?", exact=True).click()
    expect(page.get_by_text("Customers aged 20 to 35")).to_be_visible()
    seen("run-waiting")
    page.get_by_role("link", name="Open the task").click()
    expect(page.get_by_role("heading", name="May this pack go out?")).to_be_visible()


def test_a_run_is_cancelled_after_a_question(scene: Scene, page: Page, sign_in, seen):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    sign_in(scene.operator)

    page.goto(f"/runs/{run.pk}/")
    page.get_by_role("button", name="Cancel run").click()
    expect(page.get_by_role("dialog", name="Cancel this run?")).to_be_visible()
    seen("run-cancel")
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.locator("#run-bar").get_by_role("status")).to_have_text("Cancelled")
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_a_failed_run_says_why_and_goes_on_from_there(scene: Scene, page: Page, sign_in, seen):
    error = {
        "code": "unavailable",
        "message": "The model did not answer within 60 seconds. Try again, or ask an administrator to look.",
        "step": "facts",
        "title": "What does the brief say?",
    }
    run = scenes.a_run(scene, RunStatus.FAILED, error=error)
    step = scenes.a_step(run, "facts", "ai.extract", StepStatus.FAILED, error=error, attempts=4)
    scenes.a_try(step, 4, error=error, calls=[])
    sign_in(scene.operator)

    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_role("alert")).to_contain_text("The model did not answer within 60 seconds.")
    seen("run-failed")
    page.get_by_role("button", name="Go on from the failed step").click()

    expect(page.get_by_text("The run goes on from the step that failed.")).to_be_visible()
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_a_finished_run_shows_its_result_as_text_table_and_file(scene: Scene, page: Page, sign_in, seen):
    output = {
        "pack": "# Round-Up\n\n- **Audience:** aged 20 to 35\n\n| Channel | Verdict |\n|---|---|\n| Ad | fine |\n",
        "file": {
            "file": str(scene.department.pk),
            "name": "Campaign pack.docx",
            "type": "",
            "size": 48213,
            "sha256": "",
        },
        "texts": [
            {"channel": "Ad", "verdict": "fine", "reason": "No promise."},
            {"channel": "E-mail", "verdict": "risky"},
        ],
        "hostile": "<script>alert(1)</script> ![x](https://evil.example/x.png) [click](javascript:alert(1))\n\n**so**",
    }
    run = scenes.a_run(scene, output=output)
    scenes.decided(scenes.a_task(scene, run), scene.approver, text="Shorter.")
    sign_in(scene.viewer)

    page.goto(f"/runs/{run.pk}/")

    expect(page.get_by_role("link", name="Campaign pack.docx")).to_be_visible()
    expect(page.get_by_role("cell", name="No promise.")).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    assert page.locator("main img").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    expect(page.get_by_text("Astrid Berg approved")).to_be_visible()
    seen("run-succeeded")


def test_the_runs_are_filtered_and_read_on(scene: Scene, page: Page, sign_in, seen):
    for number in range(55):
        scenes.a_run(scene, RunStatus.FAILED if number % 9 == 0 else RunStatus.SUCCEEDED, title=f"Brief {number}")
    sign_in(scene.viewer)

    page.goto("/runs/")
    rows = page.locator("#runs a.td-item")
    expect(rows).to_have_count(50)
    seen("runs")
    page.get_by_role("link", name="Older runs").click()
    expect(rows).to_have_count(55)
    page.get_by_label("Status").select_option("failed")
    expect(rows).to_have_count(7)
    page.get_by_role("searchbox").fill("Brief 27")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
    assert "status=failed" in page.url


def test_a_review_is_edited_with_the_difference_shown_and_approved(scene: Scene, page: Page, sign_in, seen):
    task = scenes.a_task(scene)
    sign_in(scene.approver)

    page.goto("/tasks/")
    seen("tasks")
    page.get_by_role("link", name="May this pack go out?").click()
    page.wait_for_url(f"**/tasks/{task.pk}/")
    page.keyboard.press("e")
    editor = page.get_by_label("Your text")
    expect(editor).to_be_focused()
    editor.fill(scenes.DRAFT.replace("routine", "daily lives"))
    expect(page.locator("ins")).to_have_text("daily lives")
    expect(page.locator("del")).to_have_text("routine")
    expect(page.get_by_text("26 of 27 words kept")).to_be_visible()
    seen("task-review")
    page.keyboard.press("Escape")
    page.keyboard.press("a")

    expect(page.get_by_text("You approved “May this pack go out?”.")).to_be_visible()
    task.refresh_from_db()
    assert (task.status, task.decided_by) == ("decided", scene.approver)
    assert "daily lives" in task.answer["text"]


def test_a_rejection_asks_why(scene: Scene, page: Page, sign_in, seen):
    task = scenes.a_task(scene, kind="approve", draft="", question="May we sign?")
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Reject")
    expect(dialog.get_by_label("Why?")).to_be_focused()
    seen("task-reject")
    dialog.get_by_label("Why?").fill("The term is too long.")
    dialog.get_by_role("button", name="Reject").click()

    expect(page.get_by_text("You rejected “May we sign?”.")).to_be_visible()
    task.refresh_from_db()
    assert (task.answer["decision"], task.answer["reason"]) == ("reject", "The term is too long.")


def test_a_task_decided_elsewhere_says_by_whom_and_keeps_my_text(scene: Scene, page: Page, sign_in, seen):
    page.expected = ("409",)
    task = scenes.a_task(scene)
    sign_in(scene.approver)

    page.goto(f"/tasks/{task.pk}/")
    page.get_by_label("Your text").fill("My own words.")
    scenes.decided(task, scene.operator, text="Theirs.")
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("alert")).to_contain_text("Olga Lind has approved this already.")
    expect(page.get_by_text("My own words.")).to_be_visible()
    seen("task-conflict")


def test_a_task_for_another_role_can_be_read_but_not_decided(scene: Scene, page: Page, sign_in, seen):
    task = scenes.a_task(scene)
    sign_in(scene.viewer)

    page.goto(f"/tasks/{task.pk}/")

    expect(page.get_by_text("This question is for the role Approver.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    seen("task-read")


def test_an_empty_inbox_says_so(scene: Scene, page: Page, sign_in, seen):
    sign_in(scene.approver)

    page.goto("/tasks/")

    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    seen("tasks-empty")


def test_what_is_not_there_is_said_kindly(scene: Scene, page: Page, sign_in, seen):
    page.expected = ("404",)
    sign_in(scene.stranger)

    page.goto(f"/workflows/{scene.workflow.pk}/")

    expect(page.get_by_role("heading", name="There is nothing here for you")).to_be_visible()
    seen("not-found")


def test_the_phone_has_a_menu_that_opens_and_closes(scene: Scene, page: Page, sign_in: Callable[..., None]):
    page.set_viewport_size({"width": 360, "height": 700})
    sign_in(scene.operator)

    page.goto("/")
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu.get_by_role("link", name="Runs")).to_be_visible()
    page.keyboard.press("Escape")

    expect(menu).to_be_hidden()
