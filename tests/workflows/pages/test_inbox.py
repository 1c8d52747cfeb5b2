"""The inbox: order, filters, pages, what changed meanwhile, and many decided at once."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

from django.utils import timezone

from departments.access import SYSTEM
from departments.models import Role
from tests.factories import make_department, make_member, make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Decision, Task, TaskStatus
from workflows.services import inbox
from workflows.services.deciders import tasks_for


def questions(answer: Any) -> list[str]:
    return [row.task.question for row in answer.context["rows"]]


def approvals(scene: Scene, count: int, **fields: Any) -> list[Task]:
    more = {"kind": "approve", "draft": "", **fields}
    return [scenes.a_task(scene, **{"question": f"May {n} go?", **more}) for n in range(count)]


def test_the_most_urgent_stands_first_and_what_has_no_deadline_last(scene: Scene, signed_in: Any):
    now = timezone.now()
    for question, due in (("later", now + timedelta(days=2)), ("never", None), ("overdue", now - timedelta(hours=1))):
        scenes.a_task(scene, question=question, due_at=due)
    client = signed_in(scene.approver)

    page = client.get("/tasks/")

    assert questions(page) == ["overdue", "later", "never"]
    assert "was due" in page.content.decode()
    assert questions(client.get("/tasks/?show=role&overdue=1")) == ["overdue"]


def test_filters_and_search_narrow_the_list(scene: Scene, signed_in: Any):
    scenes.a_task(scene, question="The press release?")
    scenes.a_task(scene, question="The budget?", kind="form")
    client = signed_in(scene.approver)

    assert questions(client.get("/tasks/?show=role&kind=form")) == ["The budget?"]
    assert questions(client.get("/tasks/?show=role&q=PRESS")) == ["The press release?"]
    assert len(questions(client.get("/tasks/?show=role&q=campaign brief into"))) == 2
    assert questions(client.get(f"/tasks/?show=role&workflow={scene.department.pk}")) == []
    assert len(questions(client.get(f"/tasks/?show=role&workflow={scene.workflow.pk}&q=%00&kind=nonsense"))) == 2
    assert "No task fits" in client.get("/tasks/?show=role&q=nothing").content.decode()


def test_the_department_is_asked_for_only_where_there_are_several(scene: Scene, signed_in: Any):
    client = signed_in(scene.approver)
    assert 'name="department"' not in client.get("/tasks/").content.decode()

    make_member(scene.approver, make_department("Legal"), Role.APPROVER)

    assert 'name="department"' in client.get("/tasks/").content.decode()


def test_a_long_list_is_read_piece_by_piece(scene: Scene, signed_in: Any):
    due = timezone.now() + timedelta(hours=1)
    approvals(scene, 53, due_at=due)
    approvals(scene, 2, due_at=None)
    client = signed_in(scene.approver)

    first = client.get("/tasks/?show=role")
    second = client.get(f"/tasks/?show=role&after={first.context['after']}", headers={"HX-Request": "true"})

    assert len(questions(first)) == 50
    assert len(questions(second)) == 5
    assert {row.task for row in first.context["rows"]}.isdisjoint(row.task for row in second.context["rows"])


def test_next_and_previous_follow_the_order_of_the_list(scene: Scene, signed_in: Any):
    soon = timezone.now() + timedelta(hours=1)
    first, second, third = approvals(scene, 2, due_at=soon) + approvals(scene, 1, due_at=None)
    client = signed_in(scene.approver)

    pages = [client.get(f"/tasks/{task.pk}/").context for task in (first, second, third)]

    assert [(page["before"], page["after"]) for page in pages] == [(None, second), (first, third), (second, None)]


def test_a_count_ends_at_ninety_nine(scene: Scene, signed_in: Any):
    approvals(scene, 101)
    client = signed_in(scene.approver)

    page = client.get("/tasks/").content.decode()

    assert '<span class="td-num">99+</span>' in page
    assert '<span class="visually-hidden">open: </span>99+</span>' in page


def test_what_was_decided_elsewhere_meanwhile_is_said_in_the_list(scene: Scene, signed_in: Any):
    task, other = approvals(scene, 2)
    client = signed_in(scene.approver)
    rows = client.get("/tasks/?show=role").context["rows"]
    seen = {"seen": [f"{row.task.pk}.{row.mark}" for row in rows]}

    quiet = client.post("/tasks/news/", seen)
    scenes.decided(task, scene.operator)
    told = client.post("/tasks/news/", seen)

    assert quiet.status_code == 204
    assert "Olga Lind approved" in told.content.decode()
    assert str(other.pk) not in told.content.decode()


def test_news_tell_a_stranger_nothing(scene: Scene, signed_in: Any):
    (task,) = approvals(scene, 1)

    assert signed_in(scene.stranger).post("/tasks/news/", {"seen": f"{task.pk}.x"}).status_code == 204


def test_the_list_takes_a_fixed_number_of_queries(scene: Scene, signed_in: Any, django_assert_max_num_queries: Any):
    person = make_user("Pia", scene.department, Role.APPROVER)
    approvals(scene, 20, claimed_by=person)
    client = signed_in(scene.approver)
    client.get("/tasks/?show=role")

    with django_assert_max_num_queries(25):
        client.get("/tasks/?show=role")


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_alike_are_confirmed_once_and_each_says_what_became_of_it(scene: Scene, signed_in: Any):
    tasks = approvals(scene, 3)
    client = signed_in(scene.approver)
    ids = [str(task.pk) for task in tasks]

    page = client.post("/tasks/many/", {"task": ids})
    digests = {f"seen-{each.task.pk}": each.seen_sha256 for each in page.context["open"]}
    scenes.decided(tasks[0], scene.operator)
    done = client.post(
        "/tasks/many/decide/",
        {**digests, "task": ids, "decision": "approve", f"seen-{ids[1]}": "0" * 64},
    )

    assert "Decide 3 tasks" in page.content.decode()
    assert all(sha in page.content.decode() for sha in digests.values())
    assert [(each.tone, each.words) for each in done.context["became"]] == [
        ("wait", "Olga Lind has approved this already."),
        ("wait", "What would be sent has changed since you looked at it. Look at it again, then decide."),
        ("ok", "approved"),
    ]
    assert (Decision.objects.get().via, Decision.objects.get().task) == ("many", tasks[2])


def test_rejecting_many_needs_one_reason(scene: Scene, signed_in: Any):
    ids = [str(task.pk) for task in approvals(scene, 2)]
    client = signed_in(scene.approver)

    without = client.post("/tasks/many/decide/", {"task": ids, "decision": "reject"})
    client.post("/tasks/many/decide/", {"task": ids, "decision": "reject", "reason": "Too early."})

    assert (without.status_code, "Say why you reject them." in without.content.decode()) == (422, True)
    assert {each.reason for each in Decision.objects.all()} == {"Too early."}
    assert not Task.objects.filter(status=TaskStatus.OPEN).exists()


def test_only_so_many_and_only_alike_are_decided_at_once(scene: Scene, signed_in: Any):
    (approval,), review = approvals(scene, 1), scenes.a_task(scene)
    form = scenes.a_task(scene, kind="form")
    client = signed_in(scene.approver)

    def said(ids: list[Any]) -> str:
        return html.unescape(client.post("/tasks/many/", {"task": ids}, follow=True).content.decode())

    assert "Only approvals or reviews of one step" in said([approval.pk, review.pk])
    assert "Only approvals or reviews of one step" in said([form.pk])
    assert "Tick the tasks that you want to decide." in said(["nonsense"])
    assert "At most 200 tasks are decided at once." in said([f"01920000-0000-7000-8000-{n:012}" for n in range(201)])


def test_many_are_for_those_who_are_asked(scene: Scene, signed_in: Any):
    ids = [str(task.pk) for task in approvals(scene, 2)]

    for address in ("/tasks/many/", "/tasks/many/decide/"):
        sent = {"task": ids, "decision": "approve"}
        assert signed_in(scene.operator).post(address, sent).status_code == 403
        assert signed_in(scene.stranger).post(address, sent).status_code == 404
    assert Task.objects.filter(status=TaskStatus.OPEN).count() == 2


def test_the_order_before_and_after_is_the_same(scene: Scene):
    now = timezone.now()
    made = [scenes.a_task(scene, due_at=now + timedelta(hours=n % 3) if n < 5 else None) for n in range(7)]

    rows = list(tasks_for(SYSTEM))
    for place, task in enumerate(rows):
        assert list(inbox.after(tasks_for(SYSTEM), task)) == rows[place + 1 :]
        assert list(inbox.before(tasks_for(SYSTEM), task)) == rows[:place][::-1]
    assert len(rows) == len(made)
