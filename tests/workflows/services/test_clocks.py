"""Triggers in the scheduler's hands: each time starts one run, and what was missed is treated as people have said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from connectors.models import Health
from connectors.sdk.triggers import Event
from departments import holds
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import published, silent_broker
from workflows.models import Run, Trigger, TriggerEvent, Workflow
from workflows.runtime import sweeping
from workflows.services import clocks, firing
from workflows.services.refusals import ValidationError
from workflows.services.triggers import Wanted, change, remove, set_up, switch
from workflows.services.workflows import archive_workflow

pytestmark = pytest.mark.django_db(transaction=True)

EVERY_MINUTE = {"how": "cron", "cron": "* * * * *"}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.date }} {{ inputs.what }}"}}
    inputs = {"date": {"type": "date"}, "what": {"type": "text"}}
    return published([step], legal, inputs=inputs, output={"text": "{{ steps.a.text }}"})


def scheduled(workflow: Workflow, actor: Actor, **settings: Any) -> Trigger:
    wanted = Wanted(settings={**EVERY_MINUTE, **settings}, inputs={"what": "at {{ event.time }}"})
    return set_up(workflow, "time.schedule", wanted, actor=actor)[0]


def standing_still(trigger: Trigger, **ago: int) -> None:
    """The scheduler has not looked for so long."""
    moment = (timezone.now() - timedelta(**ago)).replace(second=0, microsecond=0)
    Trigger.objects.filter(pk=trigger.pk).update(next_at=moment)


def struck() -> int:
    with silent_broker():
        return clocks.strike()


def outcomes() -> dict[str, int]:
    found: dict[str, int] = {}
    for event in TriggerEvent.objects.all():
        found[event.outcome] = found.get(event.outcome, 0) + 1
    return found


def test_a_time_that_has_come_starts_one_run_with_what_it_gives(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea, cron="0 0 1 1 *")
    assert struck() == 0
    standing_still(trigger, minutes=0)

    assert [struck(), struck()] == [1, 0]

    run = Run.objects.get()
    event = TriggerEvent.objects.get()
    assert run.inputs == {"date": event.data["date"], "what": f"at {event.data['time']}"}
    assert (run.started_by, run.starter_kind, event.run_id) == (trigger.title, "trigger", run.pk)
    trigger.refresh_from_db()
    assert trigger.next_at > timezone.now()
    assert trigger.health == Health.WORKS


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("skip", {"missed": 355, "started": 6}),
        ("once", {"missed": 355, "started": 6}),
        ("all", {"started": 361}),
    ],
)
def test_c06_six_hours_of_standstill_with_a_cron_line_for_every_minute(
    workflow: Workflow, bea: Actor, missed: str, expected: dict[str, int]
) -> None:
    """What is at most five minutes late was only slow, and is done in any case."""
    trigger = scheduled(workflow, bea, missed=missed)
    standing_still(trigger, hours=6)
    while struck():
        pass
    found = outcomes()
    # The minute may have turned while we looked.
    assert sum(found.values()) in (361, 362)
    assert abs(found["started"] - expected["started"]) <= 1
    assert Run.objects.count() == found["started"]


@pytest.mark.parametrize(("missed", "started"), [("skip", 0), ("once", 1), ("all", 3)])
def test_what_was_missed_by_days_is_made_up_for_as_people_have_said(
    workflow: Workflow, bea: Actor, missed: str, started: int
) -> None:
    late = (timezone.now() - timedelta(hours=2)).strftime("%H:%M")
    trigger = scheduled(workflow, bea, how="daily", at=late, zone="UTC", missed=missed)
    first = timezone.now() - timedelta(days=2, hours=2)
    Trigger.objects.filter(pk=trigger.pk).update(next_at=first.replace(second=0, microsecond=0))
    struck()
    assert Run.objects.count() == started
    assert TriggerEvent.objects.count() == 3


def test_ten_schedulers_start_one_run(workflow: Workflow, bea: Actor) -> None:
    standing_still(scheduled(workflow, bea), minutes=0)

    def strike(_: int) -> None:
        try:
            clocks.strike()
        finally:
            connection.close()

    with silent_broker(), ThreadPoolExecutor(10) as pool:
        list(pool.map(strike, range(10)))
    assert Run.objects.count() == 1


def test_one_that_is_off_or_removed_starts_nothing(workflow: Workflow, bea: Actor) -> None:
    off, gone = scheduled(workflow, bea), scheduled(workflow, bea)
    switch(off, on=False, actor=bea)
    remove(gone, actor=bea)
    Trigger.objects.update(next_at=timezone.now())
    assert struck() == 0
    switch(off, on=True, actor=bea)
    off.refresh_from_db()
    assert off.next_at > timezone.now()
    verbs = Entry.objects.filter(verb__startswith="trigger.").values_list("verb", flat=True)
    assert set(verbs) == {"trigger.set_up", "trigger.switched_off", "trigger.switched_on", "trigger.removed"}


def test_one_that_cannot_start_says_so_and_tells_its_owner_once_a_day(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea)
    change(trigger, Wanted(settings=EVERY_MINUTE), actor=bea)
    for minute in (3, 2, 1):
        standing_still(trigger, minutes=minute)
        struck()
    trigger.refresh_from_db()
    assert trigger.health == Health.FAILS
    assert "what" in trigger.health_said
    assert set(outcomes()) == {"refused"}
    notice = Notice.objects.get(kind="trigger")
    assert (notice.person.name, "does not start by itself" in notice.subject) == ("Bea", True)


def test_when_its_owner_has_left_the_managers_are_told(workflow: Workflow, bea: Actor, legal: Department) -> None:
    mona = factories.make_user("Mona", legal, Role.MANAGER)
    trigger = scheduled(workflow, bea)
    trigger.owner.memberships.all().delete()
    change(trigger, Wanted(settings=EVERY_MINUTE), actor=actor_for_user(mona))
    standing_still(trigger, minutes=1)
    struck()
    assert [notice.person for notice in Notice.objects.filter(kind="trigger")] == [mona]


def test_only_who_may_publish_sets_one_up(workflow: Workflow, legal: Department) -> None:
    olaf = actor_for_user(factories.make_user("Olaf", legal, Role.OPERATOR))
    with pytest.raises(PermissionDenied):
        scheduled(workflow, olaf)


def test_what_cannot_be_is_refused_at_its_field(workflow: Workflow, bea: Actor) -> None:
    wanted = Wanted(settings={"how": "cron", "cron": "no"}, inputs={"what": "{{ steps.a.text }}"})
    with pytest.raises(ValidationError) as refused:
        set_up(workflow, "time.schedule", wanted, actor=bea)
    assert set(refused.value.message_dict) == {"cron", "inputs.what"}


def test_a_defect_loses_no_time(workflow: Workflow, bea: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = scheduled(workflow, bea, missed="all")
    standing_still(trigger, minutes=3)
    due = Trigger.objects.get(pk=trigger.pk).next_at
    with monkeypatch.context() as broken:
        broken.setattr(clocks.firing, "fire", lambda *_: 1 / 0)
        assert struck() == 0
    assert struck() == 0  # not at once again
    Trigger.objects.filter(pk=trigger.pk).update(busy_until=None)
    assert struck() == 1
    assert datetime.fromisoformat(TriggerEvent.objects.earliest("id").data["time"]) == due


def test_one_whose_settings_cannot_be_read_any_more_says_so_and_can_be_removed(
    workflow: Workflow, bea: Actor, client: Any
) -> None:
    trigger = scheduled(workflow, bea)
    Trigger.objects.filter(pk=trigger.pk).update(settings={"how": "as it was in an older release"})
    standing_still(trigger, minutes=1)
    assert struck() == 0
    trigger.refresh_from_db()
    assert (trigger.health, Notice.objects.filter(kind="trigger").count()) == (Health.FAILS, 1)
    client.force_login(trigger.owner)
    page = client.get(f"/workflows/{workflow.pk}/triggers/{trigger.pk}/")
    assert "The settings of this trigger cannot be read any more." in page.text
    remove(trigger, actor=bea)


def test_of_a_workflow_that_is_archived_none_starts_any_more(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea)
    archive_workflow(workflow, actor=bea)
    standing_still(trigger, minutes=1)
    assert struck() == 0
    assert not TriggerEvent.objects.exists()


def test_two_events_whose_keys_are_long_and_begin_alike_are_two(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea)
    with silent_broker():
        found = [firing.fire(trigger, Event("x" * 300 + end, {"time": "now"})).is_new for end in ("a", "b", "a")]
    assert found == [True, True, False]


def test_what_was_heard_is_kept_for_so_long_and_no_longer(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea)
    for days in (200, 91, 89, 0):
        at = timezone.now() - timedelta(days=days)
        TriggerEvent.objects.create(trigger=trigger, key=str(days), at=at)
    assert sweeping.forget_events() == 2
    assert sweeping.forget_events() == 0
    assert set(TriggerEvent.objects.values_list("key", flat=True)) == {"89", "0"}


def test_under_a_legal_hold_nothing_that_was_heard_goes(workflow: Workflow, bea: Actor) -> None:
    trigger = scheduled(workflow, bea)
    TriggerEvent.objects.create(trigger=trigger, key="old", at=timezone.now() - timedelta(days=200))
    hold = holds.set_hold(department=workflow.department, reason="A lawsuit", actor=SYSTEM)
    assert sweeping.forget_events() == 0

    holds.lift_hold(hold, reason="It is over", actor=SYSTEM)
    assert sweeping.forget_events() == 1
