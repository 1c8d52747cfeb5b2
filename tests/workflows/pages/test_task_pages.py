"""The pages of tasks: whose they are, and how they are decided."""

from __future__ import annotations

import html
from typing import Any

import pytest

from departments.models import Role
from tests.factories import make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import RunStatus, TaskStatus


def questions(answer: Any) -> list[str]:
    return [row.task.question for row in answer.context["rows"]]


def test_each_task_stands_in_the_list_where_it_belongs(scene: Scene, signed_in: Any):
    manager = make_user("Mona", scene.department, Role.MANAGER)
    scenes.a_task(scene, question="For an approver?")
    scenes.a_task(scene, question="For a manager?", role=Role.MANAGER)
    scenes.a_task(scene, question="For Mona?", person=manager)
    scenes.a_task(scene, question="For Astrid?", person=scene.approver)
    scenes.decided(scenes.a_task(scene, question="Done?"), scene.approver)
    client = signed_in(scene.approver)

    assert questions(client.get("/tasks/?show=mine")) == ["For Astrid?"]
    assert questions(client.get("/tasks/?show=role")) == ["For an approver?"]
    assert questions(client.get("/tasks/?show=handed")) == []
    assert questions(client.get("/tasks/?show=others")) == ["For a manager?", "For Mona?"]
    assert questions(client.get("/tasks/?show=done")) == ["Done?"]
    assert questions(client.get("/tasks/?show=nonsense")) == ["For Astrid?"]


def test_whoever_started_the_run_is_not_asked_where_that_is_forbidden(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.WAITING, starter_id=str(scene.approver.pk))
    task = scenes.a_task(scene, run, not_the_starter=True)
    client = signed_in(scene.approver)

    page = client.get(f"/tasks/{task.pk}/")
    answer = client.post(f"/tasks/{task.pk}/decide/", {"decision": "approve"})

    assert questions(client.get("/tasks/")) == []
    assert "You started this run, so somebody else has to decide." in html.unescape(page.content.decode())
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"decision": "reject"}, "Say why, so that the person who asked can put it right."),
        ({"decision": "nonsense"}, "A decision is one of"),
        ({}, "A decision is one of"),
        ({"decision": "approve", "text": "a\x00b"}, "NUL"),
    ],
)
def test_a_decision_that_cannot_be_taken_says_why_and_keeps_the_text(
    scene: Scene, signed_in: Any, sent: dict[str, str], sentence: str
):
    task = scenes.a_task(scene)

    answer = signed_in(scene.approver).post(f"/tasks/{task.pk}/decide/", {"text": "My words.", **sent})

    task.refresh_from_db()
    assert (answer.status_code, task.status) == (422, TaskStatus.OPEN)
    assert sentence in answer.content.decode()
    assert answer.context["question"].text == sent.get("text", "My words.")


def test_a_task_decided_meanwhile_answers_409_with_both_texts(scene: Scene, signed_in: Any):
    task = scenes.decided(scenes.a_task(scene), scene.operator, text="Theirs.")

    answer = signed_in(scene.approver).post(f"/tasks/{task.pk}/decide/", {"decision": "approve", "text": "Mine."})

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Olga Lind has approved this already." in shown
    assert "Your text, which was not sent" in shown
    assert "Mine." in shown
    assert "Theirs." in shown


def test_the_difference_is_escaped(scene: Scene, signed_in: Any):
    task = scenes.a_task(scene)

    answer = signed_in(scene.approver).post(f"/tasks/{task.pk}/difference/", {"text": "<script>alert(1)</script>"})

    assert "<script>" not in answer.content.decode()
    assert "&lt;" in answer.content.decode()


def test_the_page_after_a_decision_shows_who_and_why(scene: Scene, signed_in: Any):
    task = scenes.decided(scenes.a_task(scene), scene.approver, "reject", reason="Too long a term.")

    shown = signed_in(scene.viewer).get(f"/tasks/{task.pk}/").content.decode()

    assert "Astrid Berg rejected" in shown
    assert "Too long a term." in shown
    assert 'name="decision"' not in shown
