"""Schedulers that race each other and workers: each timer fires once, each recovery happens once.

Cases K17, R11, R12, P17, P18.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now

from departments.access import SYSTEM
from tests import factories
from tests.faults.crowd import errors, scaled, together
from tests.steps import probes
from tests.workflows.runtime.harness import HERE, Here, carried, published, run_of, silent_broker
from workflows.models import JournalEntry, Run, StepRun
from workflows.runtime import limits, queue, sweeping, worker
from workflows.runtime.scheduler import Scheduler
from workflows.services.runs import start_run

pytestmark = pytest.mark.django_db(transaction=True)
TIMERS, LOST, STARTED = scaled(150), scaled(30), scaled(60)
NAP = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 0}}


def probe(id: str, **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "probe.keyed", "with": {"value": id}, **rest}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no scheduler takes everything with its first statement, before the others look."""
    monkeypatch.setattr(limits, "SWEEP_BATCH", 7)


def doubled() -> list[str]:
    return [key for key, times in Counter(key for key, _ in probes.SENT).items() if times > 1]


def until_nothing_moves(round: Callable[[], int]) -> int:
    """How many rows one scheduler moved until it found nothing any more."""
    moved, idle = 0, 0
    while idle < 3:
        found = round()
        moved, idle = moved + found, 0 if found else idle + 1
    return moved


def sweep_all() -> int:
    return until_nothing_moves(lambda: sweeping.sweep(HERE))


def wake_all() -> int:
    return until_nothing_moves(sweeping.wake_sleepers)


def sleepers(count: int) -> list[Run]:
    """Runs that wait for a timer which is due."""
    workflow = published([NAP, probe("a")])
    runs = [run_of(workflow) for _ in range(count)]
    with silent_broker():
        for run in runs:
            worker.look("run", run.pk)
    return runs


def test_k17_of_four_schedulers_one_fires_each_timer(small_batches: None) -> None:
    sleepers(TIMERS)

    with silent_broker():
        fired = together([wake_all, wake_all, sweep_all, sweep_all])
        sweep_all()

    assert errors(fired) == []
    assert (len(probes.SENT), doubled()) == (TIMERS, [])
    assert JournalEntry.objects.filter(path="nap", event="step.succeeded").count() == TIMERS
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}


def test_k17_schedulers_that_only_wake_wake_each_sleeper_once(small_batches: None) -> None:
    sleepers(TIMERS)

    fired = together([wake_all] * 4)

    assert sum(fired) == TIMERS


def test_r11_a_recovery_begun_by_four_schedulers_at_once_happens_once(small_batches: None) -> None:
    runs = [run_of(published([probe("a")])) for _ in range(LOST)]
    with silent_broker():
        for run in runs:
            worker.begin(run.pk)
    lost = StepRun.objects.filter(status="running").update(lease_until=Now() - timedelta(seconds=1))

    with silent_broker():
        swept = together([sweep_all] * 4)
        for run in runs:
            carried(run)

    assert (errors(swept), lost) == ([], LOST)
    assert JournalEntry.objects.filter(event="step.lost").count() == LOST
    assert (len(probes.SENT), doubled()) == (LOST, [])
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert set(StepRun.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("forgotten", [timedelta(minutes=10), timedelta(0)], ids=["in_time", "impatient"])
def test_r12_a_sweep_in_the_millisecond_of_a_start_never_doubles_the_run(
    forgotten: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time, no sweep adopts a run that its own starter has handed out; impatient ones adopt every run, and it is
    carried out once all the same."""
    monkeypatch.setattr(limits, "FORGOTTEN", forgotten)
    workflow = published([probe("a"), probe("b")])
    told: list[tuple[queue.Kind, UUID]] = []
    adopted: list[UUID] = []
    all_started = threading.Event()

    def deliver(kind: queue.Kind, ids: list[UUID], priority: int) -> bool:
        told.extend((kind, id) for id in ids)
        return True

    class Adopting(Here):
        def do(self, kind: queue.Kind, id: UUID) -> bool:
            adopted.append(id)
            return super().do(kind, id)

    def start() -> None:
        for _ in range(STARTED // 4):
            start_run(workflow, inputs={}, actor=SYSTEM)

    def work() -> None:
        while told or not all_started.is_set():
            if told:
                worker.look(*told.pop(0))

    def sweep() -> None:
        while told or not all_started.is_set():
            sweeping.sweep(Adopting())

    def start_all() -> None:
        assert errors(together([start] * 4)) == []
        all_started.set()

    monkeypatch.setattr(queue, "publish", deliver)
    results = together([start_all, work, work, sweep, sweep])
    with silent_broker():
        sweep_all()

    assert [error for error in errors(results) if not isinstance(error, IndexError)] == []
    assert (len(probes.SENT), doubled()) == (2 * STARTED, [])
    assert JournalEntry.objects.filter(event="run.began").count() == STARTED
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    if forgotten:
        assert adopted == []


# P17: something in the middle of a batch that cannot be treated --------------------------------------------------


@contextmanager
def unwritable(step: StepRun) -> Iterator[None]:
    """A row that the database cannot change, as after a defect of its disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION faults_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not read block 7'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER faults_refuse BEFORE UPDATE ON workflows_steprun FOR EACH ROW"
            f" WHEN (OLD.id = '{step.pk}') EXECUTE FUNCTION faults_refuse()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION faults_refuse() CASCADE")


def test_p17_a_lost_step_that_cannot_be_recovered_keeps_no_other_from_it() -> None:
    workflow = published([probe("a")])
    runs = [run_of(workflow) for _ in range(5)]
    with silent_broker():
        for run in runs:
            worker.begin(run.pk)
    StepRun.objects.update(lease_until=Now() - timedelta(seconds=1))

    with silent_broker(), unwritable(runs[2].steps.get()):
        sweeping.sweep(HERE)
    assert statuses(runs) == ["succeeded", "succeeded", "running", "succeeded", "succeeded"]

    carried(runs[2])
    assert statuses(runs) == ["succeeded"] * 5


def test_p17_a_run_that_cannot_begin_keeps_no_other_from_beginning() -> None:
    good, bad = published([probe("a")]), of_a_later_tandem({"format": 1, "name": "Bad", "steps": "nonsense"})
    runs = [run_of(good), bad, run_of(good)]
    Run.objects.update(handed_out_at=None)

    with silent_broker():
        schedulers_rounds(3)

    assert (statuses(runs)[0], statuses(runs)[2]) == ("succeeded", "succeeded")


def statuses(runs: list[Run]) -> list[str]:
    found = dict(Run.objects.values_list("pk", "status"))
    return [found[run.pk] for run in runs]


def schedulers_rounds(count: int) -> None:
    """A scheduler whose broker is away: what it hands out, it carries out itself."""
    scheduler = Scheduler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "publish", lambda kind, ids, priority: False)
        for _ in range(count):
            scheduler.tick()
    scheduler.direct.shutdown(wait=True)
    connection.close()


def of_a_later_tandem(definition: dict[str, Any]) -> Run:
    """A queued run of a version that was published by another release of Tandem."""
    return factories.make_run(factories.make_version(definition=definition))


# P18: rows from a later version of Tandem -------------------------------------------------------------------------


@pytest.fixture
def later_states() -> Iterator[None]:
    """The database as a later version of Tandem leaves it: states that this one does not know are allowed."""
    dropped = {"workflows_run": "run_status", "workflows_steprun": "step_status"}
    kept = {}
    with connection.cursor() as cursor:
        for table, name in dropped.items():
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
            kept[table] = cursor.fetchone()[0]
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    with connection.cursor() as cursor:
        for table, name in dropped.items():
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {kept[table]}")


def test_p18_rows_in_states_nobody_knows_are_left_alone_and_all_others_go_on(later_states: None) -> None:
    runs = sleepers(3)
    Run.objects.filter(pk=runs[1].pk).update(status="hibernating")
    StepRun.objects.filter(run=runs[1]).update(status="hibernating", lease_until=Now() - timedelta(days=1))

    with silent_broker():
        schedulers_rounds(3)
    assert statuses(runs) == ["succeeded", "hibernating", "succeeded"]

    Run.objects.filter(pk=runs[1].pk).update(status="waiting")
    StepRun.objects.filter(run=runs[1]).update(status="waiting", lease_until=None)
    assert carried(runs[1]).status == "succeeded", "what was left alone is as it was"


@pytest.mark.parametrize(
    "definition",
    [
        {"format": 99, "name": "Later", "steps": [{"id": "a", "kind": "probe.keyed"}]},
        {"format": 1, "name": "Later", "steps": [{"id": "a", "kind": "later.kind"}]},
        {"format": 1, "name": "Later", "steps": [{"id": "a", "kind": "probe.keyed", "later": {"field": 1}}]},
    ],
    ids=["format", "kind", "field"],
)
def test_p18_a_version_that_this_tandem_cannot_read_is_named_and_all_others_go_on(
    definition: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    now = published([probe("a")])
    runs = [run_of(now), of_a_later_tandem(definition), run_of(now)]
    Run.objects.update(handed_out_at=None)

    with silent_broker(), caplog.at_level(logging.WARNING):
        schedulers_rounds(3)

    assert (statuses(runs)[0], statuses(runs)[2]) == ("succeeded", "succeeded")
    assert [path for _, path in probes.SENT] == ["a", "a"]
    assert str(runs[1].pk) in caplog.text or statuses(runs)[1] == "failed"
