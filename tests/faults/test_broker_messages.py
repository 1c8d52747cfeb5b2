"""Messages that are lost, doubled or late, and a broker that is full or forgets (B01 to B04, B09 to B11, B13)."""

from __future__ import annotations

import base64
import json
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from config.celery import QUEUES
from departments.models import Department
from tests import factories
from tests.faults import brokers, pace
from tests.faults.brokers import Site
from tests.faults.conftest import Expected
from tests.faults.pace import rounds
from tests.faults.proxy import Dose
from tests.faults.stack import Stack
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = 5
RUNS = len(rounds(20))


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Site]:
    with django_db_blocker.unblock(), brokers.serving("valkey", tmp_path_factory.mktemp("valkey")) as site:
        yield site


@pytest.fixture
def stack(transactional_db: None, site: Site) -> Stack:
    site.settle()
    site.stack.sign_in(factories.make_department())
    return site.stack


@pytest.fixture
def sunk(tmp_path: Path) -> Path:
    """Where every execution of a step leaves a line: its path and its idempotency key."""
    return tmp_path / "sunk"


@pytest.fixture
def fan(stack: Stack, sunk: Path) -> Workflow:
    """Five steps; three of them side by side, so that two need a message of their own."""
    arms = [{"steps": [slow(f"b{n}", sunk)]} for n in range(3)]
    steps = [{"id": "fan", "kind": "flow.parallel", "arms": arms}, slow("c", sunk), slow("d", sunk)]
    return published(steps, Department.objects.get())


@pytest.fixture
def work(stack: Stack, sunk: Path) -> Workflow:
    """One step; the output names the process that performed it."""
    return published([slow("s", sunk)], Department.objects.get(), output={"pid": "{{ steps.s.pid }}"})


def slow(id: str, sunk: Path, sleep_s: float = 0.0) -> dict[str, Any]:
    return {"id": id, "kind": "probe.slow", "with": {"file": str(sunk), "sleep_s": sleep_s}}


def executions(sunk: Path) -> list[str]:
    return sunk.read_text().splitlines() if sunk.exists() else []


def worker_performs(stack: Stack, work: Workflow) -> None:
    """The worker takes messages again; one or another run may have gone to the scheduler meanwhile."""

    def has() -> bool:
        [run] = stack.start_runs(work.slug, 1)
        stack.wait_for_end([run], 10)
        return bool(Run.objects.get(pk=run).output == {"pid": stack.kept["worker"].process.pid})

    stack.wait(has, 20, "a run performed by the worker")


def delays_s() -> list[float]:
    """For each step that needed a message: from the moment it was ready until somebody began it."""
    steps = StepRun.objects.filter(step_id__in=["b1", "b2"], started_at__isnull=False)
    return sorted(
        (started - created).total_seconds() for created, started in steps.values_list("created_at", "started_at")
    )


@pytest.mark.parametrize("lost", [1.0, 0.5, 0.1])
def test_b01_b02_lost_messages_cost_time_and_nothing_else(
    site: Site, stack: Stack, fan: Workflow, sunk: Path, expected: Expected, lost: float, capsys: Any
) -> None:
    site.proxy.dose = Dose(lost=lost)

    runs = stack.start_runs(fan.slug, RUNS)
    stack.wait_for_end(runs, 30)

    assert not Run.objects.exclude(status="succeeded").exists()
    assert len(executions(sunk)) == len(set(executions(sunk))) == STEPS * RUNS
    assert site.proxy.counts.lost >= site.proxy.counts.sent * lost / 3 > 0
    expected.min_succeeded = RUNS
    late = delays_s()
    with capsys.disabled():
        print(f" {lost:.0%} lost: p50 {statistics.median(late):.2f} s, p95 {late[int(len(late) * 0.95)]:.2f} s", end="")


def test_b03_messages_ten_times_over_late_and_in_any_order_repeat_nothing(
    site: Site, stack: Stack, fan: Workflow, sunk: Path, expected: Expected
) -> None:
    site.proxy.dose = Dose(copies=10, late_s=min(60, 3 * len(rounds())))

    runs = stack.start_runs(fan.slug, RUNS)
    stack.wait_for_end(runs, 60)
    counts = site.proxy.counts
    stack.wait(lambda: counts.delivered == 10 * counts.sent, 60, "every copy")
    stack.wait(lambda: all(not site.broker.client().llen(name) for name in QUEUES), 20, "an empty queue")

    assert len(executions(sunk)) == len(set(executions(sunk))) == STEPS * RUNS
    stack.wait_for_hits("msg_received_before_claim", 10 * counts.sent)
    assert counts.sent >= 2 * RUNS
    expected.min_succeeded = RUNS


def test_b04_a_broker_emptied_in_the_middle_loses_no_run(
    site: Site, stack: Stack, fan: Workflow, sunk: Path, expected: Expected
) -> None:
    stack.freeze("worker")
    runs = stack.start_runs(fan.slug, RUNS)
    with site.broker.client() as broker:
        queued = sum(broker.llen(name) for name in QUEUES)
        broker.flushall()
    stack.thaw("worker")

    stack.wait_for_end(runs, 30)

    assert queued > RUNS / 2
    assert len(executions(sunk)) == len(set(executions(sunk))) == STEPS * RUNS
    expected.min_succeeded = RUNS


def test_b09_a_full_broker_takes_no_message_and_costs_no_run(
    site: Site, stack: Stack, work: Workflow, sunk: Path, expected: Expected
) -> None:
    with site.broker.client() as broker:
        broker.config_set("maxmemory", "1")
        runs = stack.start_runs(work.slug, RUNS)
        stack.wait_for_end(runs, 30)
        broker.config_set("maxmemory", "0")

    assert len(executions(sunk)) == RUNS
    worker_performs(stack, work)
    assert stack.deaths("worker") == 0
    expected.min_succeeded = RUNS


def test_b10_a_broker_that_evicted_the_routes_gets_them_again(site: Site, stack: Stack, work: Workflow) -> None:
    stack.kill("worker")
    worker_performs(stack, work)

    with site.broker.client() as broker:
        evicted = broker.delete(*[f"_kombu.binding.{name}" for name in QUEUES])

    worker_performs(stack, work)
    assert evicted == len(QUEUES)


def test_b11_a_step_that_outlives_its_message_is_done_once(
    site: Site, stack: Stack, sunk: Path, expected: Expected
) -> None:
    """A broker gives out again what was not acknowledged in time; here it is, and copies come while the step runs."""
    long = published([slow("s", sunk, 2 * pace.LEASE.total_seconds())], Department.objects.get())

    runs = stack.start_runs(long.slug, 1)
    stack.wait(lambda: len(executions(sunk)) == 1, 15, "a step under way")
    with site.broker.client() as broker:
        stack.wait(lambda: not broker.hlen("unacked"), 1, "an acknowledgement before the end of the step")
    site.proxy.dose = Dose(copies=5, late_s=pace.FORGOTTEN.total_seconds() / 2)
    runs += stack.start_runs(long.slug, 1)
    stack.wait(lambda: len(executions(sunk)) == 2, 15, "both steps")
    stack.wait_for_hits("msg_received_before_claim", 6)
    is_under_way = StepRun.objects.filter(status="running").count() == 2
    stack.wait_for_end(runs, 30)

    assert is_under_way
    assert len(executions(sunk)) == 2
    expected.min_succeeded = 2


@contextmanager
def overheard(site: Site) -> Iterator[list[str]]:
    """Every command that reaches the broker while the block runs, as MONITOR shows it."""
    heard: list[str] = []
    with site.broker.client() as listener, listener.monitor() as monitor:
        listening = threading.Thread(target=lambda: heard.extend(_commands(monitor)), daemon=True)
        listening.start()
        yield heard
        with site.broker.client() as speaker:
            speaker.echo("that is all")
        listening.join(10)


def _commands(monitor: Any) -> Iterator[str]:
    for each in monitor.listen():
        if each["command"].startswith("ECHO that is all"):
            return
        yield each["command"]


def test_b13_only_kinds_and_ids_travel_through_the_broker(site: Site, stack: Stack, sunk: Path) -> None:
    secret = "canary-press-release-4711"
    text = {"id": "t", "kind": "text.compose", "with": {"text": "{{ inputs.text }}"}}
    workflow = published(
        [text, slow("s", sunk), {"id": "f", "kind": "flow.wait", "with": {"for_s": 1}}, slow("u", sunk)],
        Department.objects.get(),
        inputs={"text": {"type": "text", "title": secret}},
    )

    with overheard(site) as heard:
        runs = stack.start_runs(workflow.slug, RUNS, {"text": secret})
        stack.wait_for_end(runs, 30)

    pushed = [
        json.loads(command.partition(" {")[2].join(["{", ""])) for command in heard if command.startswith("LPUSH")
    ]
    assert len(pushed) >= RUNS
    assert {shape(message) for message in pushed} <= {"run", "step"}
    assert not [command for command in heard if secret in command]


def shape(message: dict[str, Any]) -> str:
    """The kind, when the message holds nothing but a kind and an id; else what is wrong with it."""
    args, kwargs, rest = json.loads(base64.b64decode(message["body"]))
    told = {name for name, value in {**kwargs, **rest}.items() if value}
    headers = {name for name, value in message["headers"].items() if value and name not in TECHNICAL}
    kind, id = args
    return kind if not told | headers and str(UUID(id)) == id else f"says more: {args} {told} {headers}"


TECHNICAL = {
    "lang",
    "task",
    "id",
    "root_id",
    "origin",
    "argsrepr",
    "kwargsrepr",
    "ignore_result",
    "timelimit",
    "stamps",
}
"""Celery's own: names of the task and the sender, the message's number, and the two arguments as text."""
