"""The pages of tasks: whose they are, and how they are decided."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Role
from tests.factories import make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import RunStatus, TaskStatus


def questions(answer: Any) -> list[str]:
    return [task.question for task in answer.context["tasks"]]


def test_mine_others_and_done_are_three_lists(scene: Scene, signed_in: Any):
    manager = make_user("Mona", scene.department, Role.MANAGER)
    scenes.a_task(scene, question="For an approver?")
    scenes.a_task(scene, question="For a manager?", role=Role.MANAGER)
    scenes.a_task(scene, question="For Mona?", person=manager)
    scenes.decided(scenes.a_task(scene, question="Done?"), scene.approver)
    client = signed_in(scene.approver)

    assert questions(client.get("/tasks/")) == ["For an approver?"]
    assert questions(client.get("/tasks/?show=others")) == ["For a manager?", "For Mona?"]
    assert questions(client.get("/tasks/?show=done")) == ["Done?"]
    assert questions(client.get("/tasks/?show=nonsense")) == ["For an approver?"]


def test_whoever_started_the_run_is_not_asked_where_that_is_forbidden(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.WAITING, starter_id=str(scene.approver.pk))
    task = scenes.a_task(scene, run, not_the_starter=True)
    client = signed_in(scene.approver)

    page = client.get(f"/tasks/{task.pk}/")
    answer = client.post(f"/tasks/{task.pk}/decide/", {"decision": "approve"})

    assert questions(client.get("/tasks/")) == []
    assert "Whoever started the run may not decide." in page.content.decode()
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
    assert answer.context["text"] == sent.get("text", "My words.")


def test_a_task_decided_meanwhile_answers_409_with_both_texts(scene: Scene, signed_in: Any):
    task = scenes.decided(scenes.a_task(scene), scene.operator, text="Theirs.")

    answer = signed_in(scene.approver).post(f"/tasks/{task.pk}/decide/", {"decision": "approve", "text": "Mine."})

    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Olga Lind has approved this already." in html
    assert "Your text, which was not sent" in html
    assert "Mine." in html
    assert "Theirs." in html


def test_the_difference_is_escaped(scene: Scene, signed_in: Any):
    task = scenes.a_task(scene)

    answer = signed_in(scene.approver).post(f"/tasks/{task.pk}/difference/", {"text": "<script>alert(1)</script>"})

    assert "<script>" not in answer.content.decode()
    assert "&lt;" in answer.content.decode()


def test_the_page_after_a_decision_shows_who_and_why(scene: Scene, signed_in: Any):
    task = scenes.decided(scenes.a_task(scene), scene.approver, "reject", reason="Too long a term.")

    html = signed_in(scene.viewer).get(f"/tasks/{task.pk}/").content.decode()

    assert "Astrid Berg rejected" in html
    assert "Too long a term." in html
    assert 'name="decision"' not in html
