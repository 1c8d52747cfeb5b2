"""The core journey on every broker, and brokers that go away, fall silent or come back empty (B05 to B08); B12."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from departments.models import Department
from tests import factories
from tests.faults import brokers, garbage
from tests.faults.brokers import KINDS, Site
from tests.faults.conftest import Expected
from tests.faults.pace import rounds
from tests.faults.stack import Answer, Stack
from tests.workflows.runtime.harness import published
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = ("worker", "worker.2")
TWO_LANGUAGES = pytest.mark.parametrize("site", ["valkey", "rabbitmq"], indirect=True)
"""For what hangs on the protocol alone: Redis and Valkey speak the same one."""
DEAF_AT_MOST_S = 60
PER_S = 40
"""Starts a second: more than a line of silent senders lets through, and half of what two cores can take."""


BROKERS = tuple(KINDS) if len(rounds()) > 1 else ("valkey", "rabbitmq")
"""Redis speaks as Valkey does, and carries runs between hosts in test_hosts; a full run asks all three."""


@pytest.fixture(scope="module", params=BROKERS)
def site(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with django_db_blocker.unblock(), brokers.serving(request.param, folder, "worker.2") as site:
        yield site


@pytest.fixture
def stack(transactional_db: None, site: Site) -> Stack:
    """The processes at the broker of this round, signed in to a department of their own."""
    site.settle()
    site.stack.sign_in(factories.make_department())
    return site.stack


@pytest.fixture
def work(stack: Stack, tmp_path: Path) -> Workflow:
    """One short step; the output names the process that performed it."""
    step = {"id": "s", "kind": "probe.slow", "with": {"file": str(tmp_path / "sink"), "sleep_s": 0.05}}
    return published([step], Department.objects.get(), output={"pid": "{{ steps.s.pid }}"})


def performers(runs: list[str]) -> set[int]:
    """Process ids of those who performed these runs, as far as they have ended."""
    return {
        output["pid"] for output in Run.objects.filter(pk__in=runs, status="succeeded").values_list("output", flat=True)
    }


def every_worker_consumes(stack: Stack, work: Workflow) -> float:
    """Seconds until each worker has performed a run started from now on. Nobody may be deaf for a minute (B07)."""
    runs: list[str] = []

    def all_have() -> bool:
        runs.extend(stack.start_runs(work.slug, 2))
        return performers(runs) >= {stack.kept[name].process.pid for name in WORKERS}

    took_s = stack.wait(all_have, 15, "a run performed by every worker")
    stack.wait_for_end(runs, 10)
    return took_s


def steadily(stack: Stack, work: Workflow, seconds: float) -> list[tuple[Answer, float]]:
    """PER_S starts a second, whether or not the last one has been answered: the answers and how long each took."""
    began = time.monotonic()

    def one(number: int) -> tuple[Answer, float]:
        time.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        asked = time.monotonic()
        return stack.start_run(work.slug), time.monotonic() - asked

    with ThreadPoolExecutor(64) as people:
        return list(people.map(one, range(round(PER_S * seconds))))


def test_twenty_runs_started_over_the_api_all_end(stack: Stack, work: Workflow, expected: Expected) -> None:
    runs = stack.start_runs(work.slug, 20)

    stack.wait_for_end(runs, 10)
    expected.min_succeeded = 20

    assert performers(runs) <= {stack.kept[name].process.pid for name in WORKERS}, "the scheduler need not help"


def starts_are_answered_and_end(
    stack: Stack, work: Workflow, leave: Callable[[], None], return_: Callable[[], None]
) -> int:
    """While the broker is away every start is accepted about as fast as ever, and every run ends; their number."""
    usual = max(took_s for _, took_s in steadily(stack, work, 1))

    leave()
    answers = steadily(stack, work, len(rounds(3)))
    stack.wait_until_settled(30)
    return_()

    assert {answer.status for answer, _ in answers} == {201}
    assert max(took_s for _, took_s in answers) < max(2.0, 3 * usual)
    assert not Run.objects.exclude(status="succeeded").exists()
    every_worker_consumes(stack, work)
    return len(answers)


@TWO_LANGUAGES
def test_b05_starts_are_answered_at_once_and_end_while_the_broker_is_stopped(
    site: Site, stack: Stack, work: Workflow, expected: Expected
) -> None:
    expected.min_succeeded = starts_are_answered_and_end(stack, work, site.broker.kill, site.broker.start)


@TWO_LANGUAGES
def test_b06_starts_are_answered_at_once_and_end_while_the_broker_is_silent(
    site: Site, stack: Stack, work: Workflow, expected: Expected
) -> None:
    expected.min_succeeded = starts_are_answered_and_end(stack, work, site.proxy.black_hole, site.proxy.heal)


def test_b07_every_worker_consumes_again_after_each_restart_of_the_broker(
    site: Site, stack: Stack, work: Workflow
) -> None:
    dice = random.Random(7)

    for _ in rounds(2):
        dice.choice([site.broker.stop, site.broker.kill])()
        stack.keep_for(dice.uniform(0, 2))
        site.broker.start()
        assert every_worker_consumes(stack, work) < DEAF_AT_MOST_S

    assert sum(stack.deaths(name) for name in WORKERS) == 0
    said = b"".join(stack.written().values())
    assert b"UnexpectedFrame" not in said, "two threads have read from one connection: it is lost once more"


@TWO_LANGUAGES
def test_b07_a_worker_whose_line_died_without_a_word_consumes_again(site: Site, stack: Stack, work: Workflow) -> None:
    every_worker_consumes(stack, work)

    site.proxy.forget()

    assert every_worker_consumes(stack, work) < DEAF_AT_MOST_S


@TWO_LANGUAGES
def test_b08_workers_follow_when_the_address_leads_to_another_broker(site: Site, stack: Stack, work: Workflow) -> None:
    with brokers.running(site.broker.name) as stand_in:
        site.proxy.lead_to(stand_in.url)
        assert every_worker_consumes(stack, work) < DEAF_AT_MOST_S
        site.proxy.lead_to(site.broker.url)

    assert every_worker_consumes(stack, work) < DEAF_AT_MOST_S


def test_b12_garbage_on_the_queue_is_dropped_and_the_workers_live(
    site: Site, stack: Stack, work: Workflow, tmp_path: Path
) -> None:
    every_worker_consumes(stack, work)
    done, bomb = Run.objects.earliest("created_at"), tmp_path / "unpickled"
    pids = {stack.kept[name].process.pid for name in WORKERS}

    with Connection(site.broker.url) as connection:
        producer = connection.Producer()
        for each in garbage.forged(str(done.pk), str(done.steps.get().pk), bomb):
            producer.publish(each.body, "normal", exchange="normal", headers=each.headers, **each.encoding)
    if site.broker.speaks_redis:
        with site.broker.client() as raw:
            raw.lpush("normal", *garbage.shapeless(bomb))
    stack.wait(lambda: not site.broker.waiting("normal"), 30, "an empty queue")
    every_worker_consumes(stack, work)

    assert not bomb.exists(), "a pickled body was loaded"
    assert {stack.kept[name].process.pid for name in WORKERS} == pids
