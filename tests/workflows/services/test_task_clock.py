"""What time does to tasks: the clock is moved by putting the moments of the row into the past."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from audit.sentences import sentence
from config.processes import Process
from departments import notices
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role, User
from tests import factories
from tests.departments.conftest import server, start_scheduler
from tests.mail_server import MailServer
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Decision, Run, RunMode, Task, TaskStatus, Why
from workflows.runtime import store, tasks
from workflows.services import task_clock
from workflows.services.handing_over import delegate_task
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run
from workflows.services.tasks import decide_task, may_decide

__all__ = ["server", "start_scheduler"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def ada(legal: Department) -> User:
    return factories.make_user("Ada", legal, Role.APPROVER)


@pytest.fixture
def mona(legal: Department) -> User:
    return factories.make_user("Mona", legal, Role.MANAGER)


def asked(legal: Department, kind: str = "approve", after: list[dict[str, Any]] | None = None, **given: Any) -> Task:
    """The open task of a fresh run that asks with these parameters."""
    name, on_error = given.pop("name", "Press triage"), given.pop("on_error", "stop")
    rest = {"output": given.pop("output")} if "output" in given else {}
    step = {"id": "ask", "kind": f"people.{kind}", "on_error": on_error, "with": {"question": "May it go?", **given}}
    return task_of(carried(run_of(published([step, *(after or [])], legal, name=name, **rest))))


def task_of(run: Run) -> Task:
    return Task.objects.get(run=run, status=TaskStatus.OPEN)


def strike(task: Task | None = None, hours: float = 0) -> int:
    """Let so many hours pass for the task, then do all that is due."""
    if task is not None:
        task.refresh_from_db()
        for moment in task.moments:
            moment["at"] = (datetime.fromisoformat(moment["at"]) - timedelta(hours=hours)).isoformat()
        task.due_at = task.due_at - timedelta(hours=hours) if task.due_at else None
        tasks.set_moments(task, task.moments)
        task.save(update_fields=["moments", "next_at", "due_at"])
    done = 0
    with silent_broker():
        while moved := task_clock.strike():
            done += moved
    if task is not None:
        task.refresh_from_db()
    return done


def mails() -> list[tuple[str, str]]:
    """To whom, and about what, the earliest first."""
    return list(Notice.objects.order_by("id").values_list("person__name", "subject"))


def ledger(task: Task, verb: str) -> list[str]:
    found = [sentence(entry) for entry in Entry.objects.shown().filter(object_id=str(task.pk), verb=verb)]
    return [said.replace(task.ledger_label, "the run") for said in found]


def as_actor(user: User) -> Actor:
    return actor_for_user(user)


def decide(task: Task, by: User, decision: str, **more: Any) -> None:
    with silent_broker():
        decide_task(Task.objects.get(pk=task.pk), actor=as_actor(by), decision=decision, **more)


# ── telling and reminding ────────────────────────────────────────────────────────────────────────────────────────────


def test_everybody_with_the_asked_role_is_told_once(legal: Department, ada: User, mona: User) -> None:
    factories.make_user("Ben", legal, Role.APPROVER)
    factories.make_user("Gone", legal, Role.APPROVER, is_active=False)
    factories.make_user("Vic", legal, Role.VIEWER)
    factories.make_user("Elsewhere", factories.make_department(), Role.APPROVER)
    task = asked(legal)

    assert strike() == 1
    tasks.set_moments(task, [{"at": store.clock(), "do": "tell"}])
    task.save()
    assert strike() == 1

    assert sorted(mails()) == [("Ada", "Please decide: May it go?"), ("Ben", "Please decide: May it go?")]
    task.refresh_from_db()
    assert (task.moments, task.next_at) == ([], None)


def test_where_nobody_holds_the_role_the_managers_are_told(legal: Department, mona: User) -> None:
    asked(legal)

    strike()

    assert [name for name, _ in mails()] == ["Mona"]


def test_of_a_group_the_members_are_told_and_who_stands_in_for_them(legal: Department, ada: User, mona: User) -> None:
    ben, today = factories.make_user("Ben", legal), timezone.now().date()
    factories.make_group(legal, ada, ben, name="Press")
    factories.make_absence(ada, today - timedelta(days=1), today + timedelta(days=2), stand_in=mona)
    asked(legal, group="press")

    strike()

    assert sorted(name for name, _ in mails()) == ["Ada", "Ben", "Mona"]
    assert "You stand in for Ada." in Notice.objects.get(person=mona).text


def test_a_stand_in_of_another_department_is_not_told_what_they_may_not_see(legal: Department, ada: User) -> None:
    other, today = factories.make_department(), timezone.now().date()
    factories.make_member(ada, other)
    factories.make_absence(ada, today, today, stand_in=factories.make_user("Sam", other))
    asked(legal, person=ada.email)

    strike()

    assert [name for name, _ in mails()] == ["Ada"]


def test_who_must_not_answer_is_not_told(legal: Department, ada: User) -> None:
    factories.make_user("Ben", legal, Role.APPROVER)
    step = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go?", "not_the_starter": True}}
    run = run_of(published([step], legal))
    Run.objects.update(starter_kind="person", starter_id=str(ada.pk))
    carried(run)

    strike()

    assert [name for name, _ in mails()] == ["Ben"]


def test_what_is_tried_out_is_nobodys_mail(legal: Department, ada: User) -> None:
    task = asked(legal)
    Run.objects.update(mode=RunMode.TEST)

    assert strike() == 1

    task.refresh_from_db()
    assert (mails(), task.next_at) == ([], None)


def test_who_is_handed_a_task_hears_of_it_and_nobody_twice(legal: Department, ada: User) -> None:
    ben = factories.make_user("Ben", legal, Role.APPROVER)
    task = asked(legal, person=ada.email)
    strike()

    delegate_task(task, to=ben, reason="You know them.", actor=as_actor(ada))
    strike()
    delegate_task(task, to=ada, reason="No, you do.", actor=as_actor(ben))
    strike()

    assert [name for name, _ in mails()] == ["Ada", "Ben", "Ada"]
    assert "Ben has handed this over to you: No, you do." in Notice.objects.order_by("id").last().text  # type: ignore[union-attr]


def unsent() -> list[str]:
    """Who has a mail on its way."""
    return sorted(Notice.objects.filter(status__in=["waiting", "held"]).values_list("person__name", flat=True))


def test_what_is_decided_before_its_mail_went_is_nobodys_mail(legal: Department, ada: User, server: MailServer) -> None:
    ben = factories.make_user("Ben", legal, Role.APPROVER, mail_about_tasks="daily")
    task, other = asked(legal), asked(legal, name="Other", question="And this?")
    strike()
    assert unsent() == ["Ada", "Ada", "Ben", "Ben"]

    decide(task, ada, "approve")
    Notice.objects.filter(status="held").update(next_at=store.clock() - timedelta(seconds=1))
    for _ in range(3):
        notices.send_due()

    assert sorted((to, message["Subject"]) for [to], message in server.taken) == [
        (ada.email, f"Please decide: {other.question}"),
        (ben.email, "1 task for you"),
    ]
    summary = next(message.get_content() for [to], message in server.taken if to == ben.email)
    assert f"- And this? · Other: http://127.0.0.1:8000/tasks/{other.pk}/" in summary


def test_a_cancelled_run_takes_the_mail_about_its_question_along(legal: Department, ada: User) -> None:
    task = asked(legal)
    strike()

    with silent_broker():
        cancel_run(task.run, actor=SYSTEM)

    task.refresh_from_db()
    assert (task.status, task.next_at, unsent()) == (TaskStatus.CANCELLED, None, [])


def test_who_has_handed_it_over_or_agreed_already_hears_of_it_no_more(legal: Department, ada: User, mona: User) -> None:
    ben, cleo = (factories.make_user(name, legal, Role.APPROVER) for name in ("Ben", "Cleo"))
    task = asked(legal, people=[{"person": ada.email}, {"person": ben.email}], needs=2)
    strike()

    decide(task, ada, "approve")
    assert unsent() == ["Ben"]
    delegate_task(task, to=cleo, reason="You know them.", actor=as_actor(ben))
    assert unsent() == []
    strike()
    assert unsent() == ["Cleo"]


def test_the_next_stage_and_those_it_is_handed_on_to_leave_nothing_for_those_before(
    legal: Department, ada: User, mona: User
) -> None:
    task = asked(legal, then=[{"person": mona.email}])
    handed = asked(legal, name="Other", due_hours=4, at_end="hand_on", hand_on={"role": "manager"})
    strike()
    assert unsent() == ["Ada", "Ada"]

    decide(task, ada, "approve")
    strike(handed, hours=5)
    strike()

    assert unsent() == ["Mona", "Mona"]


def test_who_has_not_answered_is_reminded_once(legal: Department, ada: User) -> None:
    ben = factories.make_user("Ben", legal, Role.APPROVER)
    both = {"person": ada.email, "people": [{"person": ben.email}], "needs": 2}
    task = asked(legal, **both, due_hours=24, remind_hours=4)
    strike()
    decide(task, ada, "approve")

    assert strike(task, hours=19) == 0
    assert strike(task, hours=1.5) == 1

    assert mails()[2:] == [("Ben", "Due in 3 hours, 29 minutes: May it go?")]
    assert [moment["do"] for moment in task.moments] == ["end"]


def test_after_a_long_standstill_nobody_is_reminded_of_what_is_over(legal: Department, ada: User) -> None:
    task = asked(legal, due_hours=24, remind_hours=4)

    assert strike(task, hours=100) == 3

    assert [subject for _, subject in mails()] == ["Please decide: May it go?"]
    assert (task.status, task.next_at) == (TaskStatus.OPEN, None)
    assert may_decide(task, as_actor(ada))


# ── asking others ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_others_are_asked_as_well_and_those_before_may_still_answer(legal: Department, ada: User, mona: User) -> None:
    escalate = [{"after_hours": 2, "person": mona.email}, {"after_hours": 3, "person": ada.email}]
    task = asked(legal, person=ada.email, due_hours=24, escalate=escalate)
    strike()

    assert strike(task, hours=3.5) == 2

    assert mails()[1:] == [("Mona", "Nobody has answered yet: May it go?")]
    assert list(task.assignees.values_list("why", "until")) == [(Why.ASKED, None), (Why.ESCALATED, None)]
    assert may_decide(task, as_actor(ada))
    assert may_decide(task, as_actor(mona))
    assert ledger(task, "task.escalated") == ["Tandem asked Mona as well, as nobody had answered: the run"]
    decide(task, mona, "approve")
    assert carried(task.run).status == "succeeded"


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_fails_when_nobody_answers_and_says_so(legal: Department, ada: User) -> None:
    task = asked(legal, due_hours=24, at_end="fail")

    strike(task, hours=24)
    run = carried(task.run)

    assert (task.status, task.decided_by_label, run.status) == (TaskStatus.EXPIRED, "Tandem", "failed")
    assert run.error is not None
    assert run.error["code"] == "nobody_answered"
    assert run.error["message"].startswith("Nobody answered “May it go?” in time: it was due on ")
    assert run.error["message"].endswith(" (Europe/Berlin).")
    assert not Decision.objects.exists()
    assert ledger(task, "task.expired") == ["Nobody answered the run in time, and the step fails"]
    with pytest.raises(Conflict, match="The time to decide is over"):
        decide(task, ada, "approve")


def test_a_workflow_may_go_on_after_nobody_has_answered(legal: Department, ada: User) -> None:
    say = {"id": "say", "kind": "text.compose", "with": {"text": "{{ steps.ask.decision }}: {{ steps.ask.reason }}"}}
    task = asked(
        legal, due_hours=1, at_end="fail", on_error="continue", after=[say], output={"text": "{{ steps.say.text }}"}
    )

    strike(task, hours=1)
    run = carried(task.run)

    assert (run.status, run.output) == ("succeeded", {"text": "rejected: Nobody answered in time."})
    assert run.steps.get(step_id="ask").error["code"] == "nobody_answered"


@pytest.mark.parametrize("kind", ["form", "choose", "review"])
def test_each_kind_of_question_can_fail_for_time(legal: Department, ada: User, kind: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "form": {"fields": [{"name": "budget", "type": "number"}]},
        "choose": {"drafts": ["One", "Two"]},
        "review": {"draft": "Hello"},
    }
    task = asked(legal, kind, **more[kind], due_hours=1, at_end="fail")

    strike(task, hours=1)
    run = carried(task.run)

    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "nobody_answered")


def test_the_answer_of_the_step_counts_when_nobody_gives_one(legal: Department, ada: User) -> None:
    ends = {"due_hours": 24, "at_end": "answer", "unanswered": "approve"}
    told = {"text": "{{ steps.ask.text }}", "by": "{{ steps.ask.by }}"}
    task = asked(legal, "review", draft="Hello", **ends, output=told)

    strike(task, hours=24)
    run = carried(task.run)

    assert (run.status, run.output) == ("succeeded", {"text": "Hello", "by": "Tandem"})
    assert (task.status, task.answer["decision"]) == (TaskStatus.EXPIRED, "approve")  # type: ignore[index]
    voice = Decision.objects.get()
    assert (voice.by_kind, voice.via, voice.by_label, voice.person_id, voice.verdict) == (
        "system",
        "time",
        "Tandem",
        None,
        "",
    )
    assert (voice.decision, voice.reason, len(voice.seen_sha256)) == ("approve", "Nobody answered in time.", 64)
    assert ledger(task, "task.expired") == [
        "Nobody answered the run in time, and the answer of the step counts",
    ]


def test_the_answer_may_be_no(legal: Department, ada: User) -> None:
    task = asked(legal, due_hours=24, at_end="answer")

    strike(task, hours=24)
    run = carried(task.run)

    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "rejected")
    assert run.error["message"] == "Tandem rejected “May it go?”: Nobody answered in time."


def test_a_form_counts_as_it_was_filled_in_already_and_fails_where_something_is_missing(
    legal: Department, ada: User
) -> None:
    fields = [{"name": "budget", "type": "number"}]
    told = {"budget": "{{ steps.ask.budget }}", "by": "{{ steps.ask.by }}"}
    full = asked(legal, "form", fields=fields, known={"budget": 5}, due_hours=1, at_end="answer", output=told)
    strike(full, hours=1)
    empty = asked(legal, "form", name="Another", fields=fields, due_hours=1, at_end="answer")
    strike(empty, hours=1)

    run, failed = carried(full.run), carried(empty.run)

    assert (run.status, run.output) == ("succeeded", {"budget": 5, "by": "Tandem"})
    assert failed.error is not None
    assert failed.error["code"] == "nobody_answered"
    assert failed.error["message"].endswith("cannot be taken: This has to be filled in.")


def test_those_of_a_later_stage_are_asked_although_those_before_have_not_answered(
    legal: Department, ada: User, mona: User
) -> None:
    ends = {"due_hours": 24, "at_end": "answer", "unanswered": "approve"}
    task = asked(legal, person=ada.email, then=[{"person": mona.email}], **ends)

    strike(task, hours=24)

    assert (task.status, task.stage) == (TaskStatus.OPEN, 1)
    assert mails()[-1] == ("Mona", "Please decide: May it go?")
    decide(task, mona, "approve")
    assert carried(task.run).status == "succeeded"


def test_it_is_handed_on_to_others_with_as_much_time_again(legal: Department, ada: User, mona: User) -> None:
    ends = {"at_end": "hand_on", "hand_on": {"person": mona.email}}
    task = asked(legal, person=ada.email, due_hours=24, remind_hours=4, **ends)
    strike()

    assert strike(task, hours=24) == 3  # the reminder that is too late, the end, and telling the others

    assert task.due_at is not None
    assert abs(task.due_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert [moment["do"] for moment in task.moments] == ["remind", "end"]
    assert [(row.why, row.until is None) for row in task.assignees.order_by("id")] == [
        (Why.ASKED, False),
        (Why.HANDED_ON, True),
    ]
    assert (may_decide(task, as_actor(ada)), may_decide(task, as_actor(mona))) == (False, True)
    assert mails()[1:] == [("Mona", "Please decide: May it go?")]
    assert "Those asked before have not answered in time" in Notice.objects.get(person=mona).text
    assert ledger(task, "task.handed_on") == ["Tandem handed the run on to Mona, as nobody had answered in time"]

    strike(task, hours=24)
    assert (task.status, task.next_at, may_decide(task, as_actor(mona))) == (TaskStatus.OPEN, None, True)


# ── stages, hours and days ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_time_of_each_stage_counts_from_when_it_is_asked(legal: Department, ada: User, mona: User) -> None:
    escalate = [{"after_hours": 3, "role": "builder"}]
    then = {"then": [{"person": mona.email}], "due_hours": 24, "remind_hours": 4, "escalate": escalate}
    task = asked(legal, person=ada.email, **then)
    strike()
    strike(task, hours=23)

    decide(task, ada, "approve")
    task.refresh_from_db()

    assert task.due_at is not None
    assert abs(task.due_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert [moment["do"] for moment in task.moments] == ["tell", "escalate", "remind", "end"]
    assert strike() == 1
    assert mails()[-1] == ("Mona", "Please decide: May it go?")


def test_working_hours_count_as_the_clocks_of_the_department_show_them(legal: Department, ada: User) -> None:
    """The clocks of Berlin go back in the night to Sunday, 25 October 2026, and forward on 28 March 2027."""
    legal.working_hours = {"saturday": [["09:00", "17:00"]], "sunday": [["09:00", "17:00"]]}
    legal.save()
    task = asked(legal, due_hours=12, working_hours=True, remind_hours=6, at_end="fail")

    for saturday, due in (
        (datetime(2026, 10, 24, 7, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)),  # 09:00 summer, 13:00 winter
        (datetime(2027, 3, 27, 8, tzinfo=UTC), datetime(2027, 3, 28, 11, tzinfo=UTC)),  # 09:00 winter, 13:00 summer
    ):
        tasks.set_clock(task, saturday)
        assert task.due_at == due
        assert [moment["at"] for moment in task.moments[1:]] == [
            (saturday + timedelta(hours=6)).isoformat(),
            due.isoformat(),
        ]


def test_a_department_that_stopped_working_cannot_ask_the_next(legal: Department, ada: User, mona: User) -> None:
    task = asked(legal, person=ada.email, then=[{"person": mona.email}], due_hours=2, working_hours=True)
    legal.working_hours = {"monday": [["09:00", "17:00"]]}
    legal.days_off = [(date(2026, 1, 5) + timedelta(days=7 * week)).isoformat() for week in range(160)]
    legal.save()

    with pytest.raises(Conflict, match="The next people cannot be asked: Legal has no working hours"):
        decide(task, ada, "approve")


# ── the sweep itself ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("given", [{"hours": 20_001, "working": True}, {"hours": 1e12}, {"hours": 4, "after": 1e9}])
def test_a_time_that_lies_too_far_is_a_problem_of_the_step(legal: Department, ada: User, given: dict[str, Any]) -> None:
    run = carried(run_of(published([{"id": "far", "kind": "probe.asks", "with": given}], legal)))

    assert run.status == "failed"
    assert run.error["message"] == "The time to answer is longer than 20,000 hours. Give a shorter one."  # type: ignore[index]
    assert not Task.objects.exists()


def test_a_task_whose_moment_cannot_be_done_does_not_keep_the_others_waiting(legal: Department, ada: User) -> None:
    bad, good = asked(legal), asked(legal, name="Another")
    bad.moments[0]["do"] = "dance"
    bad.save(update_fields=["moments"])

    with patch("workflows.runtime.limits.SWEEP_BATCH", 1):
        assert strike() == 0
        assert strike() == 1

    bad.refresh_from_db()
    good.refresh_from_db()
    assert bad.next_at is not None
    assert timedelta(seconds=50) < bad.next_at - timezone.now() < timedelta(seconds=61)
    assert (good.next_at, bad.status) == (None, TaskStatus.OPEN)


def test_a_real_scheduler_tells_those_who_are_asked(
    legal: Department, ada: User, server: MailServer, start_scheduler: Callable[[], Process]
) -> None:
    asked(legal)

    start_scheduler()
    until = time.monotonic() + 60
    while not server.taken and time.monotonic() < until:
        time.sleep(0.1)

    [(to, message)] = server.taken
    assert (to, message["Subject"]) == ([ada.email], "Please decide: May it go?")


def test_tasks_whose_time_lies_ahead_cost_the_sweep_one_look_at_an_index(legal: Department) -> None:
    """A hundred thousand of them: the statement reads a handful of pages, none of the table."""
    task = asked(legal)
    strike()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workflows_task DISABLE TRIGGER ALL")
        cursor.execute(_MANY, [task.pk])
        cursor.execute("ALTER TABLE workflows_task ENABLE TRIGGER ALL")
        cursor.execute("VACUUM ANALYZE workflows_task")
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + task_clock._DUE, [200])
        [plan] = cursor.fetchone()[0]

    assert Task.objects.filter(next_at__gt=timezone.now()).count() == 100_000
    assert "task_next" in str(plan)
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 10
    Task.objects.exclude(pk=task.pk)._raw_delete("default")


_MANY = """
INSERT INTO workflows_task SELECT row.* FROM workflows_task AS task, generate_series(1, 100000) AS number,
    jsonb_populate_record(task, jsonb_build_object(
        'id', overlay(overlay(gen_random_uuid()::text placing '7' from 15) placing 'a' from 20),
        'step_id', gen_random_uuid(), 'next_at', now() + make_interval(hours => number)
    )) AS row
WHERE task.id = %s
"""
