"""One question, one decision: who comes second hears who was first, and changes nothing (cases R05, R06, R07)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from audit.models import Entry
from connectors.sdk import Rejected
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Role, User
from tests import factories
from tests.departments.written import told
from tests.faults.crowd import errors, scaled, together
from tests.steps import probes
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Decision, Run, Task, TaskStatus, Workflow
from workflows.runtime import sweeping
from workflows.services import task_clock
from workflows.services.refusals import Conflict, PermissionDenied
from workflows.services.runs import cancel_run, resume_run
from workflows.services.tasks import decide_task
from workflows.services.workflows import publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = scaled(25)
ASK = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?"}}


def probe(id: str) -> dict[str, Any]:
    return {"id": id, "kind": "probe.keyed", "with": {"value": id}}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


@pytest.fixture
def workflow() -> Workflow:
    return published([ASK, probe("send")])


@pytest.fixture
def ingrid(workflow: Workflow) -> User:
    return factories.make_user("Ingrid", workflow.department, Role.APPROVER)


@pytest.fixture
def jonas(workflow: Workflow) -> User:
    return factories.make_user("Jonas", workflow.department, Role.APPROVER)


def asked(workflow: Workflow) -> Task:
    return carried(run_of(workflow)).tasks.get()


def decide(task: Task, actor: Actor, decision: str) -> Task:
    return decide_task(Task.objects.get(pk=task.pk), actor=actor, decision=decision, reason="Because.")


def ledger(task: Task) -> list[str]:
    return [label for (label,) in told("actor_label", verb="task.decided", object_id=str(task.pk))]


def test_r05_of_approving_and_rejecting_at_once_one_holds(workflow: Workflow, ingrid: User, jonas: User) -> None:
    yes, no = actor_for_user(ingrid), actor_for_user(jonas)
    tasks = [asked(workflow) for _ in range(PAIRS)]

    for task in tasks:
        with silent_broker():
            first, second = together([partial(decide, task, yes, "approve"), partial(decide, task, no, "reject")])

        winner, conflict = (first, second) if isinstance(first, Task) else (second, first)
        assert isinstance(winner, Task)
        assert isinstance(conflict, Conflict), conflict
        verdict = {"approve": "approved", "reject": "rejected"}[winner.answer["decision"]]
        assert str(conflict) == f"{winner.decided_by_label} has {verdict} this already."
        assert ledger(task) == [winner.decided_by_label]
        run = carried(winner.run)
        assert run.status == ("succeeded" if verdict == "approved" else "failed")

    approved = Task.objects.filter(answer__decision="approve").count()
    assert len(probes.SENT) == approved


def test_of_a_decision_and_the_end_of_the_time_one_holds(workflow: Workflow, ingrid: User) -> None:
    """Whoever is first: the other changes nothing, and the run goes on once."""
    no = {**ASK, "with": {**ASK["with"], "due_hours": 1, "at_end": "answer"}}
    asking = published([no, probe("send")], workflow.department, name="In time")
    approver, decided, pairs = actor_for_user(ingrid), 0, scaled(40)

    for number in range(pairs):
        task = asked(asking)
        Task.objects.filter(pk=task.pk).update(
            next_at=Now(), moments=[{"at": "2026-01-01T00:00:00+00:00", "do": "end"}]
        )
        with silent_broker():
            person, moved = together([partial(decide, task, approver, "approve"), partial(strike_after, number % 10)])
            while not isinstance(moved, Exception) and task_clock.strike():
                pass

        task.refresh_from_db()
        voice = Decision.objects.get(task=task)
        if isinstance(person, Task):
            expected: tuple[Any, ...] = (TaskStatus.DECIDED, "Ingrid", "approve", ["Ingrid"], "succeeded")
            decided += 1
        else:
            assert isinstance(person, Conflict), person
            assert str(person).startswith("The time to decide is over")
            expected = (TaskStatus.EXPIRED, "Tandem", "reject", [], "failed")
        run = carried(task.run)
        assert (task.status, voice.by_label, voice.decision, ledger(task), run.status) == expected
        assert Entry.objects.filter(verb="task.expired", object_id=str(task.pk)).count() == 1 - len(ledger(task))

    assert len(probes.SENT) == decided
    assert 0 < decided < pairs, "one of the two was always first: they did not race"


def strike_after(steps: int) -> int:
    """A decision asks for rights first, which takes a while: the clock comes a little earlier or later each time."""
    time.sleep(steps * 0.003)
    return task_clock.strike()


def test_r06_a_decision_after_the_run_was_cancelled_has_no_effect(workflow: Workflow, ingrid: User) -> None:
    task = asked(workflow)
    cancel_run(task.run, actor=SYSTEM)

    with pytest.raises(Conflict, match="The run was ended before this was decided"):
        decide(task, actor_for_user(ingrid), "approve")

    assert (carried(task.run).status, ledger(task), probes.SENT) == ("cancelled", [], [])


def test_r06_a_decision_after_the_run_has_lived_too_long_has_no_effect(workflow: Workflow, ingrid: User) -> None:
    task = asked(workflow)
    Run.objects.update(expires_at=Now() - timedelta(seconds=1))
    sweeping.expire_runs()

    with pytest.raises(Conflict, match="The run was ended before this was decided"):
        decide(task, actor_for_user(ingrid), "approve")

    assert (carried(task.run).status, ledger(task), probes.SENT) == ("failed", [], [])


def test_r06_a_question_of_the_version_before_is_no_longer_a_question(workflow: Workflow, ingrid: User) -> None:
    """The run failed in another arm, was put right and goes on with the newer version, which asks anew."""
    both = {
        "id": "both",
        "kind": "flow.parallel",
        "arms": [{"title": "ask", "steps": [ASK]}, {"title": "break", "steps": [probe("break")]}],
    }
    probes.DEEDS["break"] = refuse
    workflow = published([both, probe("send")], workflow.department, name="Two arms")
    run = carried(run_of(workflow))
    old = run.tasks.get()
    assert (run.status, old.status) == ("failed", TaskStatus.CANCELLED)
    del probes.DEEDS["break"]
    save_draft(workflow, {**workflow.draft, "name": "Two arms, put right"}, actor=SYSTEM)
    publish_workflow(workflow, note="", actor=SYSTEM)
    with silent_broker():
        resume_run(run, actor=SYSTEM)
    carried(run)
    new = run.tasks.exclude(pk=old.pk).get()

    with pytest.raises(Conflict):
        decide(old, actor_for_user(ingrid), "approve")
    assert (carried(run).status, ledger(old)) == ("waiting", [])
    assert not [path for _, path in probes.SENT if path == "send"]

    with silent_broker():
        decide(new, actor_for_user(ingrid), "approve")
    assert carried(run).status == "succeeded"


def refuse(ctx: Any) -> None:
    raise Rejected("No.")


def test_r06_publishing_meanwhile_changes_nothing_for_who_was_asked(workflow: Workflow, ingrid: User) -> None:
    task = asked(workflow)
    draft = {"format": 1, "name": workflow.name, "steps": [probe("other")]}
    save_draft(workflow, draft, actor=SYSTEM)
    publish_workflow(workflow, note="", actor=SYSTEM)

    with silent_broker():
        decide(task, actor_for_user(ingrid), "approve")

    assert carried(task.run).status == "succeeded"
    assert [path for _, path in probes.SENT] == ["send"]


def test_r07_a_double_click_decides_once(workflow: Workflow, ingrid: User) -> None:
    tasks = [asked(workflow) for _ in range(max(3, PAIRS // 5))]

    for task in tasks:
        clients = [signed_in(ingrid) for _ in range(3)]
        with silent_broker():
            answers = together([partial(press, client, task) for client in clients])

        assert errors(answers) == []
        assert sorted(answer.status_code for answer in answers) == [302, 409, 409]
        assert ledger(task) == ["Ingrid"]
        assert carried(task.run).status == "succeeded"

    assert len(probes.SENT) == len(tasks)


def test_r07_the_back_button_and_a_repeated_request_decide_nothing_more(workflow: Workflow, ingrid: User) -> None:
    task, client = asked(workflow), signed_in(ingrid)

    with silent_broker():
        answers = [
            press(client, task),
            press(client, task),
            press(client, task, decision="reject", reason="I have changed my mind."),
            press(client, task, headers={"HX-Request": "true"}),
        ]

    assert [answer.status_code for answer in answers] == [302, 409, 409, 409]
    assert all("Ingrid has approved this already." in answer.content.decode() for answer in answers[1:])
    assert (ledger(task), carried(task.run).status, len(probes.SENT)) == (["Ingrid"], "succeeded", 1)
    assert Task.objects.filter(answer__decision="approve", decided_at__lte=F("run__finished_at")).count() == 1


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def press(client: Client, task: Task, decision: str = "approve", reason: str = "", **request: Any) -> Any:
    return client.post(f"/tasks/{task.pk}/decide/", {"decision": decision, "reason": reason}, **request)


def test_r05_of_several_voices_at_once_exactly_those_that_were_needed_count(workflow: Workflow) -> None:
    two = {**ASK, "with": {**ASK["with"], "needs": 2}}
    workflow = published([two, probe("send")], workflow.department, name="Two voices")
    people = [factories.make_user(f"Voice {number}", workflow.department, Role.APPROVER) for number in range(5)]
    tasks = [asked(workflow) for _ in range(max(5, PAIRS // 5))]

    for task in tasks:
        with silent_broker():
            answers = together([partial(decide, task, actor_for_user(person), "approve") for person in people])

        late = [answer for answer in answers if not isinstance(answer, Task)]
        assert [type(answer) for answer in late] == [Conflict] * 3
        assert task.decisions.count() == 2
        assert carried(task.run).status == "succeeded"

    assert len(probes.SENT) == len(tasks)


def test_r05_the_next_stage_is_asked_once_however_many_answer_the_one_before(workflow: Workflow) -> None:
    then = {**ASK, "with": {**ASK["with"], "then": [{"role": "manager"}]}}
    workflow = published([then, probe("send")], workflow.department, name="Two stages")
    people = [factories.make_user(f"First {number}", workflow.department, Role.APPROVER) for number in range(3)]
    mona = factories.make_user("Mona", workflow.department, Role.MANAGER)
    tasks = [asked(workflow) for _ in range(max(5, PAIRS // 5))]

    for task in tasks:
        with silent_broker():
            answers = together([partial(decide, task, actor_for_user(person), "approve") for person in people])
        late = [answer for answer in answers if not isinstance(answer, Task)]
        assert {type(answer) for answer in late} <= {Conflict, PermissionDenied}
        assert len(late) == 2
        assert (task.decisions.count(), task.assignees.filter(stage=1).count()) == (1, 1)

        with silent_broker():
            decide(task, actor_for_user(mona), "approve")
        assert carried(task.run).status == "succeeded"

    assert len(probes.SENT) == len(tasks)


def test_r05_of_deciding_and_cancelling_at_once_one_holds(workflow: Workflow, ingrid: User) -> None:
    tasks = [asked(workflow) for _ in range(PAIRS)]

    for task in tasks:
        with silent_broker():
            said, cancelled = together(
                [partial(decide, task, actor_for_user(ingrid), "approve"), partial(cancel_run, task.run, actor=SYSTEM)]
            )
        assert not isinstance(cancelled, Exception), cancelled
        assert isinstance(said, Task | Conflict), said
        assert carried(task.run).status == "cancelled"
        assert ledger(task) == (["Ingrid"] if isinstance(said, Task) else [])
    assert len(probes.SENT) <= len(tasks)
