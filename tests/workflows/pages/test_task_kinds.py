"""The page of a task of each kind, on tasks that real runs have asked."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from connectors.sdk import FileRef
from departments.models import Role, User
from tests import factories
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Decision, Look, Run, Task, TaskStatus

pytestmark = pytest.mark.django_db(transaction=True)

SignedIn = Callable[[User], Client]
FORM = {
    "id": "ask",
    "kind": "people.form",
    "with": {
        "question": "What may it cost?",
        "fields": [
            {"name": "budget", "type": "number", "title": "Budget"},
            {"name": "why", "type": "long_text", "title": "Why", "required": False},
            {"name": "rush", "type": "boolean", "title": "Rush"},
        ],
        "known": {"budget": 300},
    },
}
CHOOSE = {"id": "ask", "kind": "people.choose", "with": {"question": "Which?", "drafts": ["Short", "Long one"]}}
REVIEW = {"id": "ask", "kind": "people.review", "with": {"question": "Is this it?", "draft": "We are glad."}}
SEND = {
    "id": "send",
    "kind": "connector.planned",
    "title": "Newsletter",
    "with": {"system": "Mail", "does": "send it", "to": "all@example.org", "message": "{{ steps.ask.text }}"},
}


@pytest.fixture(autouse=True)
def nobody_is_told() -> Iterator[None]:
    with silent_broker():
        yield


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def asked(scene: Scene, *steps: dict[str, Any]) -> Task:
    run = carried(run_of(published(list(steps), scene.department, name=f"Probe {Run.objects.count()}")))
    return run.tasks.get(status=TaskStatus.OPEN)


def shown(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def say(client: Client, task: Task, **sent: Any) -> Any:
    return client.post(f"/tasks/{task.pk}/decide/", sent)


def test_a_form_comes_filled_in_says_what_is_wrong_and_loses_nothing(scene: Scene, signed_in: SignedIn) -> None:
    task, client = asked(scene, FORM), signed_in(scene.approver)

    opened = shown(client.get(f"/tasks/{task.pk}/"))
    refused = say(client, task, decision="answer", **{"v-budget": "much", "v-why": "Because."})
    taken = say(client, task, decision="answer", **{"v-budget": "500", "v-why": ""})

    assert 'name="v-budget" value="300"' in opened
    assert refused.status_code == 422
    assert "Write a number, for example 12 or 3.5." in shown(refused)
    assert 'value="much"' in shown(refused)
    assert "Because." in shown(refused)
    assert taken.status_code == 302
    assert Decision.objects.get().answer["values"] == {"budget": 500, "why": None, "rush": False}


def test_a_form_may_be_refused_without_being_filled_in(scene: Scene, signed_in: SignedIn) -> None:
    task, client = asked(scene, FORM), signed_in(scene.approver)

    without = say(client, task, decision="reject", **{"v-budget": "much"})
    taken = say(client, task, decision="reject", **{"reason-reject": "No money.", "v-budget": ""})

    assert without.status_code == 422
    assert 'id="ask-reject" popover role="dialog" aria-labelledby="h-reject" data-open' in shown(without)
    assert 'value="much"' in shown(without)
    assert (taken.status_code, Decision.objects.get().reason) == (302, "No money.")


def test_one_of_several_drafts_is_chosen_and_changed(scene: Scene, signed_in: SignedIn) -> None:
    task, client = asked(scene, CHOOSE), signed_in(scene.approver)

    none = say(client, task, decision="choose", text="Mine")
    difference = client.post(f"/tasks/{task.pk}/difference/", {"option": "2", "text": "Longer one"})
    taken = say(client, task, decision="choose", option="2", text="Longer one")

    assert (none.status_code, "Choose one of the 2 drafts." in shown(none)) == (422, True)
    assert "<del>Long</del><ins>Longer</ins>" in shown(difference)
    assert (taken.status_code, Decision.objects.get().answer["option"]) == (302, 2)


def test_a_step_that_failed_is_carried_on_by_hand(scene: Scene, signed_in: SignedIn) -> None:
    seven = {"id": "seven", "kind": "text.compose", "with": {"text": "7"}}
    given = {"operation": "sort", "items": "{{ steps.seven.text }}"}
    broken = {"id": "list", "kind": "data.list", "title": "In order", "with": given, "on_error": "ask"}
    mona = factories.make_user("Mona", scene.department, Role.MANAGER)
    task, client = asked(scene, seven, broken), signed_in(mona)

    opened = shown(client.get(f"/tasks/{task.pk}/"))
    refused = say(client, task, decision="answer", **{"v-items": "", "v-count": ""})
    taken = say(client, task, decision="answer", **{"v-items": '["Hello"]', "v-count": "1"})
    run = carried(task.run)

    assert "What happened" in opened
    assert (task.why or {})["message"] in opened
    assert "What the step was to do" in opened
    assert "It has happened" not in opened
    assert (refused.status_code, taken.status_code, run.status) == (422, 302, "succeeded")
    assert run.steps.get(path="list").made_by == "Mona"


def test_what_will_leave_is_shown_to_the_letter_and_checked(scene: Scene, signed_in: SignedIn) -> None:
    review = {**REVIEW, "with": {**REVIEW["with"], "sends": "send"}}
    task, client = asked(scene, review, SEND), signed_in(scene.approver)
    page = f"/tasks/{task.pk}/"

    opened = client.get(page)
    before = opened.context["question"].sending.sha256
    written = client.post(f"{page}difference/", {"text": "<b>Bought</b>"})
    after = written.context["question"].sending.sha256
    stale = say(client, task, decision="approve", text="<b>Bought</b>", **{"seen-approve": before})
    taken = say(client, task, decision="approve", text="<b>Bought</b>", **{"seen-approve": after})

    assert "What will be sent, exactly" in shown(opened)
    assert "all@example.org" in shown(opened)
    assert "&lt;b&gt;Bought&lt;/b&gt;" in written.content.decode()
    assert "<b>Bought" not in written.content.decode()
    assert stale.status_code == 409
    assert "Look once more" in shown(stale)
    assert "<b>Bought</b>" in shown(stale)
    assert (taken.status_code, Decision.objects.get().seen_sha256) == (302, after)
    assert "What was approved to be sent" in shown(client.get(page))


def test_what_cannot_be_shown_cannot_be_approved(scene: Scene, signed_in: SignedIn) -> None:
    review = {**REVIEW, "with": {**REVIEW["with"], "sends": "send"}}
    given = {"method": "POST", "url": "https://example.org/", "body_json": "{{ steps.ask.text }}"}
    task = asked(scene, review, {"id": "send", "kind": "http.request", "title": "Tell them", "with": given})
    client = signed_in(scene.approver)

    opened = shown(client.get(f"/tasks/{task.pk}/"))
    written = shown(client.post(f"/tasks/{task.pk}/difference/", {"text": '{"glad": true}'}))

    assert "What “Tell them” would send cannot be shown:" in opened
    assert "It cannot be approved: what would be sent cannot be shown." in opened
    assert 'value="approve"' not in opened
    assert 'value="approve"' in written


def test_a_long_body_is_folded_with_its_length(scene: Scene, signed_in: SignedIn) -> None:
    review = {**REVIEW, "with": {**REVIEW["with"], "draft": "word " * 1_000, "sends": "send"}}
    task = asked(scene, review, SEND)

    opened = shown(signed_in(scene.approver).get(f"/tasks/{task.pk}/"))

    assert "more characters of " in opened


def test_a_draft_that_no_ai_wrote_says_why_it_cannot_go_back(scene: Scene, signed_in: SignedIn) -> None:
    task = asked(scene, REVIEW)

    opened = shown(signed_in(scene.approver).get(f"/tasks/{task.pk}/"))

    assert "It cannot be sent back." in opened
    assert "Send back…" not in opened


def test_a_later_stage_sees_the_text_of_the_one_before_and_who_agreed(scene: Scene, signed_in: SignedIn) -> None:
    mona = factories.make_user("Mona", scene.department, Role.MANAGER)
    stages = {**REVIEW["with"], "person": scene.approver.email, "then": [{"person": mona.email}]}
    task = asked(scene, {**REVIEW, "with": stages})

    say(signed_in(scene.approver), task, decision="approve", text="We are very glad.")
    opened = signed_in(mona).get(f"/tasks/{task.pk}/")
    first = signed_in(scene.approver).get(f"/tasks/{task.pk}/")

    asking = opened.context["question"].asking
    assert [(stage.state, [one.name for one in stage.asked]) for stage in asking.stages] == [
        ("over", ["Astrid Berg"]),
        ("now", ["Mona"]),
    ]
    assert opened.context["question"].text == "We are very glad."
    assert "This question is for Mona." in shown(first)


def test_with_two_voices_needed_the_first_one_waits(scene: Scene, signed_in: SignedIn) -> None:
    task = asked(scene, {**REVIEW, "with": {**REVIEW["with"], "needs": 2}})
    client = signed_in(scene.approver)

    say(client, task, decision="approve")
    opened = shown(client.get(f"/tasks/{task.pk}/"))

    assert "You have answered. It waits for 1 more voice." in opened
    assert "1 of 2 have answered" in opened
    assert 'value="approve"' not in opened


def test_opening_is_written_down_once_and_only_for_who_may_decide(scene: Scene, signed_in: SignedIn) -> None:
    task = asked(scene, REVIEW)

    for user in (scene.viewer, scene.approver, scene.approver):
        signed_in(user).get(f"/tasks/{task.pk}/")
    first = Look.objects.get()
    Look.objects.filter(pk=first.pk).update(at=first.at.replace(year=2020))
    say(signed_in(scene.approver), task, decision="approve", visible_s="42")

    assert (first.person, Decision.objects.get().look_s) == (scene.approver, 42)


def test_a_task_is_taken_given_back_and_handed_over(scene: Scene, signed_in: SignedIn) -> None:
    other = factories.make_user("Olle", scene.department, Role.APPROVER)
    task, client = asked(scene, REVIEW), signed_in(scene.approver)
    page = f"/tasks/{task.pk}/"

    client.post(f"{page}claim/")
    seen_by_other = shown(signed_in(other).get(page))
    late = signed_in(other).post(f"{page}claim/")
    client.post(f"{page}release/")
    without = client.post(f"{page}delegate/", {"to": str(other.pk)})
    stranger = client.post(f"{page}delegate/", {"to": str(scene.stranger.pk), "reason": "Yours."})
    handed = client.post(f"{page}delegate/", {"to": str(other.pk), "reason": "You know it."})

    assert "Astrid Berg has taken this task" in seen_by_other
    assert 'id="decision"' not in seen_by_other
    assert (late.status_code, without.status_code, stranger.status_code, handed.status_code) == (409, 422, 422, 302)
    assert "Choose a member of the department." in shown(stranger)
    assert [row.task.pk for row in client.get("/tasks/?show=handed").context["rows"]] == [task.pk]
    assert [row.task.pk for row in signed_in(other).get("/tasks/?show=handed").context["rows"]] == [task.pk]


def test_hostile_strings_are_text(scene: Scene, signed_in: SignedIn) -> None:
    evil = "<script>alert(1)</script>"
    choose = {**CHOOSE, "with": {"question": evil, "drafts": [evil, "b"], "show": {evil: evil}}}
    task, client = asked(scene, choose), signed_in(scene.approver)
    say(client, task, decision="choose", option="9", text=evil)

    for page in (f"/tasks/{task.pk}/", "/tasks/", "/tasks/?show=others"):
        assert "<script>alert" not in client.get(page).content.decode()


def test_the_page_takes_a_fixed_number_of_queries(
    scene: Scene, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    review = {**REVIEW, "with": {**REVIEW["with"], "sends": "send", "then": [{"role": "manager"}]}}
    task, client = asked(scene, review, SEND), signed_in(scene.approver)
    client.get(f"/tasks/{task.pk}/")

    with django_assert_max_num_queries(40):
        client.get(f"/tasks/{task.pk}/")


def test_a_file_given_by_hand_is_stored_and_kept_when_the_form_is_refused(scene: Scene, signed_in: SignedIn) -> None:
    compose = {"id": "write", "kind": "text.compose", "with": {"text": "x"}}
    run = run_of(published([compose], scene.department, name="By hand"))
    step = factories.make_step(run, "write", kind="text.compose", status="waiting")
    form = {
        "type": "object",
        "properties": {"file": {"$ref": "#/$defs/FileRef"}, "pages": {"type": "integer"}},
        "required": ["file", "pages"],
        "$defs": {"FileRef": FileRef.model_json_schema()},
    }
    task = factories.make_task(step, kind="resolve", form=form, why={"code": "rejected", "message": "No."})
    upload = SimpleUploadedFile("brief.txt", b"Hello")

    refused = say(signed_in(scene.approver), task, decision="answer", **{"v-file": upload, "v-pages": "many"})

    stored = scene.department.files.get()
    assert (refused.status_code, stored.name) == (422, "brief.txt")
    assert f'name="v-file-kept" value="{stored.pk}"' in shown(refused)
