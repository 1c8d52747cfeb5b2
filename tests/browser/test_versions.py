"""Publishing, the second person, versions, and files, as people do it in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from departments.access import actor_for_user
from departments.models import Department, User
from tests.factories import make_run
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import PublishRequest, RunStatus, Version, Workflow
from workflows.services.drafting import edit_draft
from workflows.services.workflows import publish_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene() -> Scene:
    """Its live version is what the services would have published, so that only real changes differ."""
    scene = scenes.a_department()
    scene.workflow.draft["name"] = scene.workflow.name
    scene.workflow.save()
    publish_workflow(scene.workflow, note="Tidied up", actor=actor_for_user(scene.builder))
    scene.workflow.refresh_from_db()
    return scene


def change(scene: Scene, *edits: dict[str, Any], by: User | None = None) -> None:
    for edit in edits:
        edit_draft(Workflow.objects.get(pk=scene.workflow.pk), edit, actor=actor_for_user(by or scene.builder))


RETITLED = {"do": "change", "step": "facts", "field": "title", "value": "Find the facts"}
REWORDED = {
    "do": "change",
    "step": "review",
    "field": "with.question",
    "value": "May this pack really go out today?",
}
NEW_STEP = {
    "do": "paste",
    "nodes": [
        {
            "id": "goodbye",
            "kind": "text.compose",
            "title": "Say goodbye",
            "with": {"text": "Bye, {{ inputs.brief }}"},
        }
    ],
    "place": {"into": {"step": "", "arm": ""}, "at": 0},
}
EMPTIED = {"do": "change", "step": "goodbye", "field": "with", "value": {}}


def asks_for_a_second_person(scene: Scene) -> None:
    Department.objects.filter(pk=scene.department.pk).update(second_person_publishes=True)


def test_publishing_shows_what_is_other_and_asks_why(scene: Scene, page: Page, sign_in, seen):
    change(scene, RETITLED, NEW_STEP, REWORDED)
    sign_in(scene.builder)

    page.goto(f"/workflows/{scene.workflow.pk}/versions/")
    page.get_by_role("link", name="Publish…").click()
    expect(page.locator("ins").first).to_have_text("really ")

    expect(page.get_by_text("“What does the brief say?” is now called “Find the facts”")).to_be_visible()
    expect(page.get_by_text("“Say goodbye” was added at the beginning")).to_be_visible()
    page.get_by_text("What it says").click()
    expect(page.get_by_text("Bye, [Campaign brief]")).to_be_visible()
    seen("publish")
    page.get_by_label("What has changed, and why?").fill("Customers like it polite")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 3 is live. New runs take it.")).to_be_visible()
    version = Version.objects.get(number=3)
    assert (version.note, version.published_by) == ("Customers like it polite", "Britta Falk")


def test_the_first_change_of_a_published_workflow_brings_the_way_to_publish_it(scene: Scene, page: Page, sign_in):
    sign_in(scene.builder)
    page.set_viewport_size({"width": 1600, "height": 900})
    page.goto(f"/workflows/{scene.workflow.pk}/build/")
    expect(page.get_by_role("link", name="Version 2 is live")).to_be_visible()
    expect(page.get_by_role("link", name="Publish…")).to_have_count(0)

    page.get_by_role("button", name="What does the brief say?", exact=True).focus()
    page.keyboard.press("Alt+ArrowDown")

    expect(page.get_by_role("link", name="Publish…")).to_be_visible()
    page.get_by_role("link", name="Publish…").click()
    expect(page.get_by_text("was moved")).to_be_visible()


def test_a_problem_blocks_publishing_and_leads_to_its_step(scene: Scene, page: Page, sign_in, seen):
    change(scene, NEW_STEP, EMPTIED)
    sign_in(scene.builder)

    page.goto(f"/workflows/{scene.workflow.pk}/publish/")

    expect(page.get_by_role("heading", name="Put this right first")).to_be_visible()
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)
    seen("publish-problems")
    page.get_by_role("link", name="Say goodbye").click()
    expect(page).to_have_url(
        f"{page.url.partition('/workflows/')[0]}/workflows/{scene.workflow.pk}/build/?step=goodbye"
    )


def test_what_was_typed_is_kept_when_somebody_changes_the_draft_meanwhile(scene: Scene, page: Page, sign_in):
    page.expected = ("409",)
    change(scene, RETITLED)
    sign_in(scene.builder)
    page.goto(f"/workflows/{scene.workflow.pk}/publish/")
    page.get_by_label("What has changed, and why?").fill("Mine")
    change(scene, NEW_STEP)

    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_role("alert")).to_contain_text("since you opened it")
    expect(page.get_by_text("“Say goodbye” was added at the beginning")).to_be_visible()
    expect(page.get_by_label("What has changed, and why?")).to_have_value("Mine")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 3 is live")).to_be_visible()


def test_a_second_person_refuses_and_then_approves(scene: Scene, page: Page, sign_in, seen):
    asks_for_a_second_person(scene)
    change(scene, RETITLED)
    sign_in(scene.builder)
    page.goto(f"/workflows/{scene.workflow.pk}/publish/")
    page.get_by_label("What has changed, and why?").fill("A clearer name")
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.get_by_role("heading", name="Waits for a second person")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    seen("publish-asked")

    sign_in(scene.approver)
    page.goto("/")
    seen("home-asked")
    page.get_by_role("link", name=f"May “{scene.workflow.name}” go live?").click()
    expect(page.get_by_text("A clearer name")).to_be_visible()
    seen("publish-approve")
    page.get_by_label("Why not?").fill("Keep the old name")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("You have refused.")).to_be_visible()

    sign_in(scene.builder)
    page.goto(f"/workflows/{scene.workflow.pk}/publish/")
    expect(page.get_by_text("Astrid Berg refused")).to_be_visible()
    expect(page.get_by_text("Keep the old name")).to_be_visible()
    page.get_by_role("button", name="Ask for approval").click()
    sign_in(scene.approver)
    page.goto(f"/workflows/{scene.workflow.pk}/publish/")
    page.get_by_role("button", name="Approve and publish").click()
    expect(page.get_by_text("Version 3 is live")).to_be_visible()
    assert PublishRequest.objects.get(status="approved").decided_by == "Astrid Berg"


def test_an_edit_takes_the_question_back(scene: Scene, page: Page, sign_in):
    asks_for_a_second_person(scene)
    change(scene, RETITLED)
    sign_in(scene.builder)
    page.goto(f"/workflows/{scene.workflow.pk}/publish/")
    page.get_by_role("button", name="Ask for approval").click()
    change(scene, NEW_STEP)

    page.goto(f"/workflows/{scene.workflow.pk}/publish/")

    expect(page.get_by_text("The draft has been changed since, so the question no longer stands.")).to_be_visible()
    expect(page.get_by_role("button", name="Ask for approval")).to_be_visible()


def test_versions_are_listed_compared_and_restored(scene: Scene, page: Page, sign_in, seen):
    make_run(Version.objects.get(number=1), status=RunStatus.WAITING)
    change(scene, RETITLED, NEW_STEP)
    publish_workflow(
        Workflow.objects.get(pk=scene.workflow.pk), note="A goodbye for all", actor=actor_for_user(scene.builder)
    )
    change(scene, {"do": "remove", "steps": ["goodbye"]})
    sign_in(scene.builder)

    page.goto(f"/workflows/{scene.workflow.pk}/versions/")
    expect(page.get_by_text("A goodbye for all")).to_be_visible()
    expect(page.get_by_role("link", name="1 run under way")).to_be_visible()
    seen("versions")
    page.get_by_label("From version 2").check()
    page.get_by_label("To version 3").check()
    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_role("heading", name="From version 2 to version 3")).to_be_visible()
    expect(page.get_by_text("“Say goodbye” was added at the beginning")).to_be_visible()
    seen("compare")
    page.get_by_role("button", name="Restore version 2 as draft").click()
    expect(page.get_by_text("The draft is now like version 2.")).to_be_visible()
    restored = Workflow.objects.get(pk=scene.workflow.pk)
    assert restored.draft == Version.objects.get(number=2).definition


def test_a_workflow_is_exported_and_imported_again(scene: Scene, page: Page, sign_in, seen, tmp_path):
    sign_in(scene.builder)
    page.goto(f"/workflows/{scene.workflow.pk}/export/")
    page.get_by_label("with the sample input").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("region", name=f"{scene.workflow.slug}.yaml")).to_contain_text("sample:")
    seen("export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "workflow.yaml"
    download.value.save_as(file)

    page.goto("/workflows/import/")
    seen("import")
    page.get_by_label("Choose a file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="Ready to be made")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value(f"{scene.workflow.name} 2")
    expect(page.get_by_role("heading", name="The brand owner reads and edits")).to_be_visible()
    assert Workflow.objects.count() == 1
    page.get_by_label("Name").fill("Campaign brief, imported")
    page.get_by_role("button", name="Make the draft").click()

    expect(page).to_have_title("Build: Campaign brief, imported · Tandem")
    made = Workflow.objects.get(name="Campaign brief, imported")
    assert made.sample == scenes.SAMPLE
    assert made.draft["steps"] == scene.workflow.draft["steps"]


LACKING = """format: 1
name: From elsewhere
inputs: {text: {title: Text}}
steps:
  - {id: sort, kind: ai.classify, title: Sort it, with: {text: "{{ inputs.text }}", labels: [a, b], model: house-model}}
  - {id: ask, kind: people.approve, title: Ask Eva, with: {question: "Is it right?", person: eva@elsewhere.example}}
  - {id: post, kind: slack.post_message, title: Post it, with: {text: "{{ steps.gone.text }}"}}
"""


def test_what_is_wrong_or_missing_is_told_before_anything_is_made(scene: Scene, page: Page, sign_in, seen):
    page.expected = ("422",)
    sign_in(scene.builder)
    page.goto("/workflows/import/")
    page.get_by_label("Or paste its text").fill("format: 1\nname: <script>alert(1)</script>\nsteps: [&a [*a]]")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("aliases are not allowed (line 3)")
    expect(page.get_by_label("Or paste its text")).to_have_value(
        "format: 1\nname: <script>alert(1)</script>\nsteps: [&a [*a]]"
    )
    seen("import-refused")

    page.get_by_label("Or paste its text").fill(LACKING)
    page.get_by_role("button", name="Look at it").click()

    expect(page.get_by_text("No AI model called “house-model” is in use here.")).to_be_visible()
    expect(page.get_by_text("Nobody in Marketing has the address “eva@elsewhere.example”.")).to_be_visible()
    expect(
        page.get_by_text("This server has no step kind “slack.post_message”, which “Post it” needs.")
    ).to_be_visible()
    seen("import-lacking")
    assert Workflow.objects.count() == 1
    page.get_by_role("button", name="Make the draft").click()
    expect(page).to_have_title("Build: From elsewhere · Tandem")
