"""People carry the work: stages with somebody who stands in, others asked as time goes by, and a run without any AI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from departments.absences import plan_absence
from departments.access import SYSTEM, actor_for_user
from departments.models import Role, User
from tests import factories
from tests.scripted_provider import ScriptedProvider, fails, gives, scripted_provider
from tests.workflows.gallery.cases import a_model
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.runtime.harness import carried, published, silent_broker
from workflows.models import Run, Task
from workflows.services import task_clock
from workflows.services.runs import start_run

__all__ = ["scripted_provider"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[[User], None]
SORT = {
    "id": "tone",
    "kind": "ai.classify",
    "title": "How does it speak about us?",
    "with": {"text": "{{ inputs.article }}", "labels": [{"name": "positive"}, {"name": "negative"}]},
    "retry": {"attempts": 1},
    "on_error": "ask",
    "helper": {"role": "operator"},
}
WRITE = {
    "id": "answer",
    "kind": "ai.write",
    "title": "Draft an answer",
    "with": {"instructions": "Answer politely.", "material": "{{ inputs.article }}"},
    "retry": {"attempts": 1},
    "on_error": "ask",
    "helper": {"role": "operator"},
}
REVIEW = {
    "id": "review",
    "kind": "people.review",
    "title": "The press officer decides",
    "with": {"question": "Is this our answer?", "draft": "{{ steps.answer.text }}", "role": "approver"},
}
INPUTS = {"article": {"type": "long_text", "title": "Article"}}
ARTICLE = "Acme Bank closes forty branches. A betrayal, says the union."


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
    return scripted_provider


def begun(scene: Scene, steps: list[dict[str, Any]], **rest: Any) -> Run:
    workflow = published(steps, scene.department, name="Answer the press", inputs=INPUTS, **rest)
    return carried(start_run(workflow, inputs={"article": ARTICLE}, actor=actor_for_user(scene.operator)))


def open_task(page: Page, name: str) -> None:
    page.goto("/tasks/")
    page.get_by_role("link", name=name).click()
    page.wait_for_url("**/tasks/*-*/")


def test_a_workflow_whose_model_only_fails_is_carried_to_its_end_by_two_people(
    scene: Scene, page: Page, sign_in: SignIn, provider: ScriptedProvider, seen: Any
) -> None:
    provider.reply = lambda _asked: fails(503)
    page.expected = ("422",)  # type: ignore[attr-defined]
    run = begun(scene, [SORT, WRITE, REVIEW], output={"statement": "{{ steps.review.text }}"})

    # The operator does what two AI steps could not do.
    sign_in(scene.operator)
    page.goto("/tasks/")
    page.get_by_role("link", name="My role’s").click()
    page.get_by_role("link", name="How does it speak about us?").click()
    expect(page.get_by_role("heading", name="The result, by hand")).to_be_visible()
    seen("resolve-by-hand")
    page.get_by_role("button", name="Go on with this result").click()
    expect(page.get_by_text("This is needed.")).to_be_visible()
    page.get_by_label("Label").select_option("negative")
    page.get_by_role("button", name="Go on with this result").click()
    page.wait_for_url("**/tasks/**")
    carried(run)
    page.goto("/tasks/?show=role")
    page.get_by_role("link", name="Draft an answer").click()
    page.get_by_label("Text").fill("We regret this and explain it on Monday.")
    page.get_by_role("button", name="Go on with this result").click()
    page.wait_for_url("**/tasks/**")
    carried(run)

    # The approver decides what goes out.
    sign_in(scene.approver)
    page.goto("/tasks/?show=role")
    page.get_by_role("link", name="Is this our answer?").click()
    expect(page.get_by_label("Your text")).to_have_value("We regret this and explain it on Monday.")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/tasks/**")

    run = carried(run)
    assert (run.status, run.output) == ("succeeded", {"statement": "We regret this and explain it on Monday."})
    made = dict(run.steps.values_list("step_id", "made_by"))
    assert made == {"tone": scene.operator.name, "answer": scene.operator.name, "review": ""}
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_text(f"given by hand by {scene.operator.name}").first).to_be_visible()
    expect(page.get_by_text(f"approved by {scene.approver.name}").first).to_be_visible()

    # The record tells who did what, and that people did it.
    page.get_by_role("link", name="Record", exact=True).click()
    expect(page.get_by_role("heading", name="Record", exact=True)).to_be_visible()
    people = page.get_by_role("region", name="What people were asked, and what they made of it")
    sort, write, review = (people.get_by_role("article").nth(place) for place in range(3))
    for asked, given in ((sort, "negative"), (write, "We regret this and explain it on Monday.")):
        expect(asked.get_by_text(f"by hand: answered by {scene.operator.name}")).to_be_visible()
        expect(asked.get_by_text("The other side gave no answer, and all tries are used up.")).to_be_visible()
        expect(asked.get_by_text(given)).to_be_visible()
    expect(review.get_by_text(f"approved by {scene.approver.name}")).to_be_visible()
    expect(review.get_by_text(f"written by hand by {scene.operator.name}")).to_be_visible()
    expect(page.get_by_text(f"made by hand by {scene.operator.name}")).to_have_count(2)
    seen("record-by-hand")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Record as PDF").click()
    paper = PdfReader(taken.value.path())
    text = " ".join(" ".join(part.extract_text() for part in paper.pages).split())
    assert f"by hand: answered by {scene.operator.name}" in text
    assert f"approved by {scene.approver.name}" in text


def test_of_two_stages_the_second_is_answered_by_who_stands_in(
    scene: Scene, page: Page, sign_in: SignIn, provider: ScriptedProvider, seen: Any
) -> None:
    provider.script = [gives({"text": "We regret this."})]
    counsel = factories.make_user("Carla Counsel", scene.department, Role.APPROVER)
    deputy = factories.make_user("Dora Deputy", scene.department, Role.VIEWER)
    today = timezone.now().date()
    plan_absence(counsel, today, today + timedelta(days=2), stand_in=deputy, actor=SYSTEM)
    asked = {**REVIEW["with"], "person": scene.approver.email, "then": [{"person": counsel.email}]}
    run = begun(scene, [WRITE, {**REVIEW, "with": asked}], output={"statement": "{{ steps.review.text }}"})

    sign_in(deputy)
    page.goto("/tasks/")
    expect(page.get_by_text("Is this our answer?")).to_have_count(0)
    sign_in(scene.approver)
    open_task(page, "Is this our answer?")
    page.get_by_label("Your text").fill("We deeply regret this.")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/tasks/**")
    carried(run)

    sign_in(deputy)
    open_task(page, "Is this our answer?")
    expect(page.get_by_label("Your text")).to_have_value("We deeply regret this.")
    expect(page.get_by_text("Carla Counsel").first).to_be_visible()
    seen("task-second-stage")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/tasks/**")

    run = carried(run)
    assert run.output == {"statement": "We deeply regret this."}
    voices = list(Task.objects.get(run=run).decisions.order_by("at").values_list("by_label", "in_place_of"))
    assert voices == [(scene.approver.name, ""), ("Dora Deputy", "Carla Counsel")]
    page.goto(f"/tasks/{Task.objects.get(run=run).pk}/")
    expect(page.get_by_text("in place of Carla Counsel")).to_be_visible()


def test_when_nobody_answers_others_are_asked_as_well(
    scene: Scene, page: Page, sign_in: SignIn, provider: ScriptedProvider
) -> None:
    provider.script = [gives({"text": "We regret this."})]
    asked = {
        **REVIEW["with"],
        "person": scene.approver.email,
        "due_hours": 24,
        "escalate": [{"after_hours": 8, "person": scene.builder.email}],
    }
    run = begun(scene, [WRITE, {**REVIEW, "with": asked}])
    sign_in(scene.builder)
    page.goto("/tasks/")
    expect(page.get_by_text("Is this our answer?")).to_have_count(0)

    move_the_clock(run, hours=9)
    page.goto("/tasks/")
    page.get_by_role("link", name="Is this our answer?").click()
    expect(page.get_by_text("asked because nobody had answered")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/tasks/**")

    assert carried(run).status == "succeeded"
    assert Task.objects.get(run=run).decided_by == scene.builder


def move_the_clock(run: Run, hours: float) -> None:
    """As if so much time had passed: everything that was to come comes earlier."""
    task, by = Task.objects.get(run=run), timedelta(hours=hours)
    for moment in task.moments:
        moment["at"] = (datetime.fromisoformat(moment["at"]) - by).isoformat()
    task.next_at = task.next_at - by if task.next_at else None
    task.due_at = task.due_at - by if task.due_at else None
    task.save()
    while task_clock.strike():
        pass
