"""Triggers that look: each thing starts one run, whoever dies, hangs or changes the trigger meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors.models import Health
from connectors.sdk import RateLimited, StepError
from connectors.sdk.triggers import Event
from departments.access import Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import published, silent_broker
from workflows.engine import strict
from workflows.models import Run, StoredFile, Trigger, TriggerEvent, Workflow
from workflows.runtime import limits
from workflows.services import watching
from workflows.services.triggers import Wanted, change, set_up, switch

pytestmark = pytest.mark.django_db(transaction=True)


class Feed:
    """A feed that people go on writing; `before` is what happens while it is asked for."""

    def __init__(self) -> None:
        self.names: list[str] = ["old"]
        self.status = 200
        self.asked = 0
        self.before: Any = lambda: None

    def answer(self, request: Request) -> Response:
        self.asked += 1
        self.before()
        items = "".join(f"<item><guid>{name}</guid><title>{name}</title></item>" for name in reversed(self.names))
        text = f'<rss version="2.0"><channel><title>Paper</title>{items}</channel></rss>'
        return Response(text, status=self.status, mimetype="text/xml")


@pytest.fixture
def feed(httpserver: HTTPServer) -> Feed:
    made = Feed()
    httpserver.expect_request("/feed.xml").respond_with_handler(made.answer)
    return made


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.title }}"}}
    return published([step], legal, inputs={"title": {"type": "text"}}, output={"text": "{{ steps.a.text }}"})


@pytest.fixture
def trigger(workflow: Workflow, feed: Feed, httpserver: HTTPServer, bea: Actor) -> Trigger:
    return set_up(workflow, "feeds.entry", Wanted(settings={"url": httpserver.url_for("/feed.xml")}), actor=bea)[0]


def looked(trigger: Trigger) -> bool:
    """One look now, whatever the time is."""
    Trigger.objects.filter(pk=trigger.pk).update(next_at=Now())
    lease = watching.take(trigger.pk)
    assert lease is not None
    with silent_broker():
        return watching.look(trigger.pk, lease)


def titles() -> list[str]:
    return [run.output["text"] for run in Run.objects.order_by("id")]


def test_the_first_look_only_remembers_and_each_new_thing_starts_one_run(trigger: Trigger, feed: Feed) -> None:
    looked(trigger)
    feed.names += ["first", "second"]
    looked(trigger)
    looked(trigger)

    assert titles() == ["first", "second"]
    trigger.refresh_from_db()
    assert (trigger.health, trigger.busy_until) == (Health.WORKS, None)
    assert timedelta(minutes=4) < trigger.next_at - timezone.now() <= timedelta(minutes=5)


def test_more_than_one_look_takes_come_in_order_and_at_once(trigger: Trigger, feed: Feed) -> None:
    looked(trigger)
    feed.names += [f"n{number}" for number in range(25)]
    looked(trigger)
    assert len(titles()) == 20
    trigger.refresh_from_db()
    assert trigger.next_at <= timezone.now()
    looked(trigger)
    assert titles() == [f"n{number}" for number in range(25)]


def test_only_one_holds_the_lease(trigger: Trigger) -> None:
    first = watching.take(trigger.pk)
    assert first is not None
    assert watching.take(trigger.pk) is None
    Trigger.objects.update(busy_until=Now() - timedelta(seconds=1))
    second = watching.take(trigger.pk)
    assert second is not None
    assert second != first


@pytest.mark.parametrize("taken_by", ["another", "a change", "a switch"])
def test_who_has_lost_the_lease_meanwhile_writes_nothing(
    trigger: Trigger, feed: Feed, bea: Actor, taken_by: str
) -> None:
    looked(trigger)
    feed.names.append("new")

    def take_it_away() -> None:
        try:
            match taken_by:
                case "another":
                    Trigger.objects.update(busy_until=Now() + timedelta(minutes=9))
                case "a change":
                    change(trigger, Wanted(settings={**trigger.settings, "url": "http://other.example/"}), actor=bea)
                case "a switch":
                    switch(trigger, on=False, actor=bea)
        finally:
            connection.close()

    feed.before = take_it_away
    assert not looked(trigger)
    assert not TriggerEvent.objects.exists()


def test_what_was_found_twice_starts_once(trigger: Trigger, feed: Feed) -> None:
    """As when a scheduler has died after the runs were written, and its state was taken back by a restored backup."""
    looked(trigger)
    trigger.refresh_from_db()
    before = trigger.state
    feed.names.append("new")
    looked(trigger)
    Trigger.objects.update(state=before)
    looked(trigger)
    assert titles() == ["new"]


def test_a_look_that_fails_is_repeated_later_and_later_and_the_owner_told_once(trigger: Trigger, feed: Feed) -> None:
    looked(trigger)
    feed.status = 503
    pauses = []
    for times in range(1, 6):
        looked(trigger)
        trigger.refresh_from_db()
        pauses.append(round((trigger.next_at - timezone.now()) / timedelta(minutes=1)))
        assert Notice.objects.filter(kind="trigger").count() == (times >= 3)
    assert pauses == [10, 20, 40, 60, 60]
    assert (trigger.health, "503" in trigger.health_said) == (Health.FAILS, True)

    feed.status = 200
    feed.names.append("new")
    looked(trigger)
    trigger.refresh_from_db()
    assert (trigger.health, trigger.failed_times, titles()) == (Health.WORKS, 0, ["new"])


def test_the_wish_of_the_other_side_counts_where_it_is_longer() -> None:
    minute = timedelta(minutes=1)
    assert watching.pause_after(minute, 1, RateLimited("", retry_after=timedelta(hours=3))) == timedelta(hours=3)
    assert watching.pause_after(minute, 1, RateLimited("", retry_after=timedelta(days=300))) == timedelta(days=1)
    assert watching.pause_after(minute, 3, StepError("")) == 8 * minute
    assert watching.pause_after(minute, 10_000, StepError("")) == timedelta(hours=1)


def test_what_could_not_start_does_not_look_well_again_by_itself(trigger: Trigger, feed: Feed, bea: Actor) -> None:
    looked(trigger)
    change(trigger, Wanted(settings=trigger.settings, inputs={"title": "{{ event.nothing }}"}), actor=bea)
    feed.names.append("new")
    looked(trigger)
    looked(trigger)
    trigger.refresh_from_db()
    assert trigger.health == Health.FAILS
    assert TriggerEvent.objects.get().outcome == "refused"
    change(trigger, Wanted(settings=trigger.settings), actor=bea)
    feed.names.append("newer")
    looked(trigger)
    trigger.refresh_from_db()
    assert (trigger.health, titles()) == (Health.WORKS, ["newer"])


def test_what_came_while_it_was_off_is_not_made_up_for(trigger: Trigger, feed: Feed, bea: Actor) -> None:
    looked(trigger)
    switch(trigger, on=False, actor=bea)
    feed.names.append("meanwhile")
    switch(trigger, on=True, actor=bea)
    looked(trigger)
    feed.names.append("afterwards")
    looked(trigger)
    assert titles() == ["afterwards"]


def test_a_host_that_is_not_on_the_list_is_not_asked(trigger: Trigger, feed: Feed, legal: Department) -> None:
    Department.objects.filter(pk=legal.pk).update(egress_hosts=[])
    looked(trigger)
    trigger.refresh_from_db()
    assert (feed.asked, trigger.health) == (0, Health.FAILS)


@pytest.fixture
def watcher() -> Iterator[watching.Watcher]:
    made = watching.Watcher()
    yield made
    end = time.monotonic() + 10
    while made.under_way.total() and time.monotonic() < end:
        time.sleep(0.02)
    assert not made.under_way.total()


def test_servers_that_hang_hold_neither_the_sweep_nor_another_department_up(
    trigger: Trigger, feed: Feed, httpserver: HTTPServer, bea: Actor, watcher: watching.Watcher
) -> None:
    let_go = threading.Event()
    feed.before = lambda: let_go.wait(10)
    for _ in range(limits.LOOKS_OF_ONE_DEPARTMENT + 3):
        set_up(trigger.workflow, "feeds.entry", Wanted(settings=trigger.settings), actor=bea)
    press = factories.make_department("Press", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])
    other = published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], press, name="Other")
    pia = actor_for_user(factories.make_user("Pia", press, Role.BUILDER))
    theirs = set_up(other, "feeds.entry", Wanted(settings=trigger.settings), actor=pia)[0]

    began = time.monotonic()
    watcher.strike()
    watcher.strike()

    assert time.monotonic() - began < 3
    assert watcher.under_way[trigger.department_id] == limits.LOOKS_OF_ONE_DEPARTMENT
    assert watcher.under_way[theirs.department_id] == 1
    assert Trigger.objects.filter(busy_until=None).count() == 4
    let_go.set()


def test_a_look_ends_when_its_time_is_over_and_leaves_no_files(
    trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOOK_S", -1.0)
    looked(trigger)
    trigger.refresh_from_db()
    assert "longer than" in trigger.health_said
    assert not StoredFile.objects.exists()


def test_what_nobody_can_store_is_made_fit_and_stops_nothing_after_it() -> None:
    data = {"a": "x\x00y", "b": ["\ud800", {"c\x00": 1}], "d": None}
    fit = watching._fit(Event("k", data))
    strict.check(fit.data)
    assert fit.data == {"a": "x\ufffdy", "b": ["?", {"c\ufffd": 1}], "d": None}
    assert watching._fit(Event("k", {"a": "plain"})).data == {"a": "plain"}
