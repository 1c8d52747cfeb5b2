"""Triggers that wait for the end of another workflow: each run counts once, also one whose end shows late."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.functions import Now

from connectors.models import Health
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, silent_broker
from workflows.models import Run, RunMode, Trigger, TriggerEvent, Workflow
from workflows.services import endings
from workflows.services.runs import retry_run, start_run
from workflows.services.triggers import Wanted, set_up, switch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))


@pytest.fixture
def watched(legal: Department) -> Workflow:
    """Fails where it is told to."""
    steps = [
        {"id": "a", "kind": "text.compose", "with": {"text": "about {{ inputs.what }}"}},
        {
            "id": "end",
            "kind": "flow.stop",
            "when": {"all": [{"value": "{{ inputs.what }}", "is": "equal", "to": "bad"}]},
            "with": {"as": "failed", "message": "As told."},
        },
    ]
    inputs = {"what": {"type": "text"}}
    return published(steps, legal, name="Watched", inputs=inputs, output={"text": "{{ steps.a.text }}"})


@pytest.fixture
def follower(legal: Department) -> Workflow:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.what }}"}}
    return published([step], legal, name="Follower", inputs={"what": {"type": "text"}})


def follows(follower: Workflow, watched: Workflow, actor: Actor, how: str = "either", what: str = "") -> Trigger:
    what = what or "{{ event.title }} {{ event.status }} {{ event.output.text }}{{ event.error.message }}"
    wanted = Wanted(settings={"workflow": watched.slug, "how": how}, inputs={"what": what})
    return set_up(follower, "workflow.ended", wanted, actor=actor)[0]


def ran(workflow: Workflow, what: str, **rest: Any) -> Run:
    with silent_broker():
        run = start_run(workflow, inputs={"what": what}, actor=SYSTEM, **rest)
    return carried(run)


def struck(times: int = 1) -> list[int]:
    with silent_broker():
        found = []
        for _ in range(times):
            Trigger.objects.update(next_at=Now())
            found.append(endings.strike())
        return found


def told(follower: Workflow) -> list[str]:
    return [run.inputs["what"] for run in follower.runs.order_by("id")]


@pytest.mark.parametrize(
    ("how", "expected"),
    [("succeeded", ["good"]), ("failed", ["bad"]), ("either", ["good", "bad"])],
)
def test_each_end_that_is_meant_starts_one_run(
    watched: Workflow, follower: Workflow, bea: Actor, how: str, expected: list[str]
) -> None:
    ran(watched, "before")
    trigger = follows(follower, watched, bea, how, "{{ event.title }}")
    assert struck() == [0]
    good, bad = ran(watched, "good"), ran(watched, "bad")
    assert (good.status, bad.status) == ("succeeded", "failed")
    ran(watched, "a test", mode=RunMode.TEST)

    assert struck(3) == [len(expected), 0, 0]

    assert told(follower) == expected
    trigger.refresh_from_db()
    assert trigger.health == Health.WORKS


def test_it_gives_what_the_run_gave_and_who_started_it(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    follows(follower, watched, bea, what="{{ event.output.text }}, {{ event.error.message }}")
    good, bad = ran(watched, "good"), ran(watched, "bad")
    struck()
    first, second = (event.data for event in TriggerEvent.objects.order_by("id"))
    assert (first["run"], first["workflow"], first["output"], first["error"], first["started_by"]) == (
        str(good.pk),
        "Watched",
        {"text": "about good"},
        None,
        SYSTEM.label,
    )
    assert (second["status"], second["error"]) == ("failed", bad.error)


def test_what_ends_right_after_it_is_set_up_counts(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    follows(follower, watched, bea, what="{{ event.title }}")
    ran(watched, "at once")
    struck()
    assert told(follower) == ["at once"]


def test_an_end_that_shows_later_than_a_younger_one_is_not_passed_over(
    watched: Workflow, follower: Workflow, bea: Actor
) -> None:
    """Its transaction holds its end back while the younger run's end is found."""
    follows(follower, watched, bea, what="{{ event.title }}")
    written, let_go = threading.Event(), threading.Event()

    def slowly() -> None:
        try:
            with transaction.atomic(), silent_broker():
                start_run(watched, inputs={"what": "older"}, actor=SYSTEM)
                written.set()
                let_go.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slowly)
    thread.start()
    assert written.wait(10)
    ran(watched, "younger")
    struck(2)
    assert told(follower) == ["younger"]
    let_go.set()
    thread.join()
    older, younger = Run.objects.filter(workflow=watched).order_by("id")
    assert older.finished_at < younger.finished_at
    struck(2)
    assert told(follower) == ["younger", "older"]


def test_a_run_that_fails_and_is_carried_on_counts_once(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    follows(follower, watched, bea, what="{{ event.status }}")
    run = ran(watched, "bad")
    struck()
    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)
    struck(2)
    assert told(follower) == ["failed"]


def test_many_ends_are_told_piece_by_piece_by_any_number_of_schedulers(
    watched: Workflow, follower: Workflow, bea: Actor
) -> None:
    follows(follower, watched, bea, what="{{ event.title }}")
    names = [f"n{number}" for number in range(12)]
    for name in names:
        ran(watched, name)

    def strike(_: int) -> None:
        try:
            endings.strike()
        finally:
            connection.close()

    with patch.object(endings, "AT_A_TIME", 5), silent_broker(), ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            Trigger.objects.update(next_at=Now())
            list(pool.map(strike, range(6)))
    assert sorted(told(follower)) == sorted(names)


def test_what_dies_in_the_middle_is_told_by_the_next(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    """All events of a look and its cursor are one transaction."""
    follows(follower, watched, bea, what="{{ event.title }}")
    for name in ("one", "two", "three"):
        ran(watched, name)
    real, calls = endings.firing.fire, []

    def dies(*args: Any, **rest: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return real(*args, **rest)

    with patch.object(endings.firing, "fire", dies), pytest.raises(SystemExit):
        struck()
    assert told(follower) == []
    struck()
    assert told(follower) == ["one", "two", "three"]


def test_what_ended_while_it_was_off_does_not_count(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    trigger = follows(follower, watched, bea, what="{{ event.title }}")
    struck()
    switch(trigger, on=False, actor=bea)
    ran(watched, "meanwhile")
    switch(trigger, on=True, actor=bea)
    ran(watched, "afterwards")
    struck(2)
    assert told(follower) == ["afterwards"]


def test_two_workflows_that_start_each_other_end_after_ten(
    watched: Workflow, follower: Workflow, legal: Department, bea: Actor
) -> None:
    follows(follower, watched, bea, what="x")
    follows(watched, follower, bea, what="x")
    first = ran(watched, "x")
    for _ in range(30):
        struck()
    assert sorted(Run.objects.values_list("chain", flat=True)) == list(range(11))
    first.refresh_from_db()
    assert first.chain == 0
    refused = TriggerEvent.objects.get(outcome="refused")
    assert "start each other" in refused.said
    assert refused.trigger.health == Health.FAILS
    assert Notice.objects.filter(kind="trigger").count() == 1


def test_a_workflow_that_is_not_there_or_is_the_same_or_anothers_is_refused(
    watched: Workflow, follower: Workflow, bea: Actor
) -> None:
    theirs = published(
        [{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], factories.make_department("Press"), name="Theirs"
    )
    for slug in ("nowhere", follower.slug, theirs.slug):
        with pytest.raises(ValidationError) as refused:
            set_up(follower, "workflow.ended", Wanted(settings={"workflow": slug}), actor=bea)
        assert list(refused.value.message_dict) == ["workflow"]


def test_one_whose_workflow_is_gone_says_so(watched: Workflow, follower: Workflow, bea: Actor) -> None:
    trigger = follows(follower, watched, bea)
    Workflow.objects.filter(pk=watched.pk).update(slug="renamed")
    struck()
    trigger.refresh_from_db()
    assert (trigger.health, "“watched”" in trigger.health_said) == (Health.FAILS, True)
    assert trigger.next_at - trigger.created_at > timedelta(minutes=50)
