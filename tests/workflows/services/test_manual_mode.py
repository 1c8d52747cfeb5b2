"""Manual mode: who may switch it, that it takes effect on what is under way, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections

from audit.models import Entry
from departments.access import Actor, actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.scripted_provider import MODEL, ScriptedProvider, fails, gives, scripted_provider
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import ManualMode, Run, StepRun, Task, TaskStatus
from workflows.services.handing_over import claim_task
from workflows.services.manual_mode import BACK, BUSY, HandedBack, hand_back, switch_off, switch_on, waiting_tasks
from workflows.services.refusals import Conflict
from workflows.services.tasks import Seen, decide_task, tasks_for

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = {"attempts": 5, "first_delay_s": 3_600, "longest_s": 7_200}
WRITE: dict[str, Any] = {
    "id": "write",
    "kind": "ai.write",
    "with": {"instructions": "Announce it."},
    "retry": PATIENT,
    "helper": {"role": "operator"},
}
TWO = [WRITE, {**WRITE, "id": "more", "with": {"instructions": "More: {{ steps.write.text }}"}}]
GIVES = {"text": "{{ steps.more.text }}"}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def mona(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Mona", legal, Role.MANAGER))


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    scripted_provider.reply = lambda _asked: fails(500)
    return scripted_provider


def answer_all(user: User, text: str) -> int:
    """Everything that waits in the person's inbox, once."""
    actor = actor_for_user(user)
    found = list(tasks_for(actor).select_related("run__version", "run__workflow", "department", "step"))
    with silent_broker():
        for task in found:
            decide_task(task, actor=actor, decision="answer", values={"text": text}, seen=Seen("page"))
    for run in Run.objects.all():
        carried(run)
    return len(found)


def test_twenty_runs_under_way_all_finish_by_hand_and_the_provider_is_asked_no_more(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    ada, ben = (factories.make_user(name, legal, Role.OPERATOR) for name in ("Ada", "Ben"))
    workflow = published(TWO, legal, output=GIVES)
    runs = [carried(run_of(workflow)) for _ in range(20)]
    assert {run.status for run in runs} == {"waiting"}
    asked_before = len(provider.requests)
    assert asked_before == 20

    with silent_broker():
        switch_on(legal, reason="The provider is down.", actor=mona)
    for run in runs:
        carried(run)
    assert Task.objects.filter(status=TaskStatus.OPEN).count() == 20
    assert (answer_all(ada, "First."), answer_all(ben, "Second.")) == (20, 20)

    for run in runs:
        run.refresh_from_db()
    assert {(run.status, str(run.output)) for run in runs} == {("succeeded", "{'text': 'Second.'}")}
    assert len(provider.requests) == asked_before
    assert Task.objects.count() == StepRun.objects.count() == 40
    assert set(StepRun.objects.values_list("step_id", "made_by")) == {("write", "Ada"), ("more", "Ben")}
    assert Entry.objects.shown().filter(verb="task.decided").count() == 40
    on = Entry.objects.shown().get(verb="manual_mode.on")
    assert (on.detail["reason"], on.detail["hurried"]) == ("The provider is down.", 20)


def test_only_what_the_provider_was_asked_for_is_hurried(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    factories.make_provider(name="Elsewhere")
    run = carried(run_of(published(TWO, legal, output=GIVES)))

    with silent_broker():
        switch_on(legal, provider="Elsewhere", reason="Down.", actor=mona)
    assert carried(run).status == "waiting"
    assert not Task.objects.exists()
    with silent_broker():
        switch_on(legal, provider="Far away", reason="Down.", actor=mona)
    carried(run)

    assert Task.objects.get().why["message"].startswith("Manual mode is on for the provider Far away")


def test_one_workflow_leaves_the_others_to_their_patience(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    one, other = (published(TWO, legal, output=GIVES, name=name) for name in ("One", "Other"))
    runs = [carried(run_of(workflow)) for workflow in (one, other)]

    bea = actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))
    with silent_broker():
        switch_on(legal, workflow=one, reason="It writes nonsense.", actor=bea)
    for run in runs:
        carried(run)

    assert [task.run_id for task in Task.objects.all()] == [runs[0].pk]


def test_what_still_waits_is_handed_back_and_the_machine_does_it(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    workflow = published([WRITE], legal, output={"text": "{{ steps.write.text }}"})
    mode = switch_on(legal, reason="Down.", actor=mona)
    runs = [carried(run_of(workflow)) for _ in range(2)]
    with pytest.raises(Conflict, match="still on"):
        hand_back(mode, actor=mona)

    provider.reply = lambda _asked: gives({"text": "By the machine."})
    switch_off(mode, actor=mona)
    assert waiting_tasks(mode).count() == 2
    with silent_broker():
        done = hand_back(mode, actor=mona)
    for run in runs:
        carried(run)
        run.refresh_from_db()

    assert (done.done, done.refused) == (2, ())
    assert [run.output for run in runs] == [{"text": "By the machine."}] * 2
    assert {task.decisions.get().via for task in Task.objects.all()} == {"many"}


def test_who_has_taken_a_task_keeps_it_and_who_is_only_asked_by_name_does_not(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    ada = factories.make_user("Ada", legal, Role.OPERATOR)
    mode = switch_on(legal, reason="Down.", actor=mona)
    workflow = published([{**WRITE, "helper": {"person": ada.email}}], legal)
    for _ in range(2):
        carried(run_of(workflow))
    claim_task(Task.objects.order_by("pk")[0], actor=actor_for_user(ada))

    with silent_broker():
        back = switch_off(mode, actor=mona, then=BACK)

    kept = "Ada has taken this task. Ask them to decide it or to give it back."
    assert (back.done, [why for _task, why in back.refused]) == (1, [kept])
    off, handed = Entry.objects.shown().filter(verb__startswith="manual_mode.").order_by("pk")[1:]
    assert (off.verb, off.detail["tasks"], off.detail["waiting"]) == ("manual_mode.off", "back", 2)
    assert (handed.verb, handed.detail["tasks"], handed.detail["kept"]) == ("manual_mode.handed_back", 1, 1)


def test_tasks_stay_with_the_people_unless_it_is_said_otherwise(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    mode = switch_on(legal, reason="Down.", actor=mona)
    carried(run_of(published([WRITE], legal)))

    with pytest.raises(ValidationError, match="stay or back"):
        switch_off(mode, actor=mona, then="gone")
    assert switch_off(mode, actor=mona) == HandedBack()

    assert (waiting_tasks(mode).count(), Entry.objects.get(verb="manual_mode.off").detail["tasks"]) == (
        1,
        "stay",
    )


def test_a_scope_is_on_once_and_who_comes_second_hears_who_was_first(legal: Department, mona: Actor) -> None:
    mode = switch_on(legal, reason="Down.", actor=mona)

    with pytest.raises(Conflict, match="Mona has switched manual mode on for Legal already"):
        switch_on(legal, reason="Again.", actor=mona)
    switch_off(mode, actor=mona)
    with pytest.raises(Conflict, match="Mona has switched manual mode off already"):
        switch_off(mode, actor=mona)
    switch_on(legal, reason="Again.", actor=mona)

    verbs = Entry.objects.shown().filter(verb__startswith="manual_mode").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["manual_mode.on", "manual_mode.off", "manual_mode.on"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUILDER, Role.APPROVER])
def test_only_a_manager_switches_a_whole_department(legal: Department, role: Role) -> None:
    member = actor_for_user(factories.make_user(department=legal, role=role))

    with pytest.raises(PermissionDenied):
        switch_on(legal, reason="Down.", actor=member)

    assert not ManualMode.objects.exists()


def test_a_reason_and_a_known_scope_are_needed(legal: Department, mona: Actor) -> None:
    elsewhere = factories.make_workflow(factories.make_department("Marketing"))

    for wrong in ({"reason": " "}, {"provider": "Nobody", "reason": "x"}, {"workflow": elsewhere, "reason": "x"}):
        with pytest.raises(ValidationError):
            switch_on(legal, actor=mona, **wrong)


def test_the_command_switches_on_lists_and_switches_off(legal: Department) -> None:
    def said(*words: str) -> str:
        out = StringIO()
        call_command("manual_mode", *words, stdout=out)
        return out.getvalue()

    assert said("list") == "Manual mode is on nowhere.\n"
    assert "on for Legal" in said("on", "legal", "--reason", "Down.")
    assert "by Tandem: Down." in said("list", "legal")
    with pytest.raises(CommandError, match="already"):
        said("on", "legal", "--reason", "Down.")
    assert "0 tasks still wait" in said("off", "legal", "--tasks", "back")
    with pytest.raises(CommandError, match="not on there"):
        said("off", "legal")


@pytest.fixture
def impatient() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
        yield
        cursor.execute("RESET lock_timeout")


def test_a_run_that_is_held_up_keeps_its_task_and_the_others_go_on(
    legal: Department, mona: Actor, provider: ScriptedProvider, impatient: None
) -> None:
    mode = switch_on(legal, reason="Down.", actor=mona)
    workflow = published([WRITE], legal)
    held, _free = carried(run_of(workflow)), carried(run_of(workflow))
    elsewhere = connections.create_connection("default")
    elsewhere.set_autocommit(False)
    with closing(elsewhere), elsewhere.cursor() as cursor, silent_broker():
        cursor.execute("SELECT 1 FROM workflows_run WHERE id = %s FOR UPDATE", [held.pk])
        back = switch_off(mode, actor=mona, then=BACK)

    assert (back.done, [(task.run_id, why) for task, why in back.refused]) == (1, [(held.pk, BUSY)])
    assert [task.run_id for task in waiting_tasks(mode)] == [held.pk]
