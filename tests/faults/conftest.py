"""Every test of this folder ends with the invariants; those that need processes share a warm stack of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from tests import factories
from tests.faults import pace, witness
from tests.faults.invariants import check_invariants
from tests.faults.scenes import Scene
from tests.faults.sink import Sink
from tests.faults.stack import CANARIES, Stack, database_url
from workflows.runtime import limits


@dataclass
class Expected:
    """What a test adds to the invariants that are checked when it has ended."""

    min_succeeded: int = 0


@pytest.fixture
def expected() -> Expected:
    return Expected()


@pytest.fixture(autouse=True)
def invariants(request: pytest.FixtureRequest, expected: Expected) -> Iterator[None]:
    """I1 to I12 after every test that has a database, before it is emptied."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None and "transactional_db" not in request.fixturenames and "db" not in request.fixturenames:
        yield
        return
    transactional = "transactional_db" in request.fixturenames or (
        marker is not None and marker.kwargs.get("transaction")
    )
    request.getfixturevalue("transactional_db" if transactional else "db")
    # Asked for here, so that they are still there afterwards.
    stack: Stack | None = request.getfixturevalue("stack") if "stack" in request.fixturenames else None
    sink: Sink | None = request.getfixturevalue("sink") if "sink" in request.fixturenames else None
    witness.install()
    yield
    found = check_invariants(
        sink,
        expected.min_succeeded,
        lease=pace.LEASE if stack else limits.LEASE,
        canaries=[*CANARIES.values(), *([stack.token] if stack and stack.token else [])],
        written=stack.written() if stack else None,
    )
    if stack is not None:
        at_rest(stack)
    witness.remove()
    assert not found, "\n".join(found)


def at_rest(stack: Stack) -> None:
    """Nobody is in a transaction when the database is emptied."""
    stack.calm()
    stack.strike("scheduler", "timer_due_before_cas:hold")
    if "scheduler" in stack.kept:
        stack.wait_for_hits("timer_due_before_cas", 1, 15)


@pytest.fixture(scope="session")
def outside_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    sink = Sink(tmp_path_factory.mktemp("sink")).start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(outside_world: Sink) -> Sink:
    """The effect sink, empty and well-behaved."""
    outside_world.clear()
    return outside_world


@pytest.fixture(scope="package")
def warm_stack(
    django_db_setup: None, django_db_blocker: Any, broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Web, worker and scheduler for all tests in here: a start costs seconds. Gone before others begin runs there."""
    with django_db_blocker.unblock():
        stack = Stack(tmp_path_factory.mktemp("stack"), database_url(), broker)
        connection.close()
        stack.start("web", "worker", "scheduler")
        yield stack
        stack.stop()


@pytest.fixture
def stack(transactional_db: None, warm_stack: Stack) -> Iterator[Stack]:
    """The warm stack without faults, signed in to nothing, its broker empty."""
    forget_messages(warm_stack.broker_url)
    warm_stack.calm()
    # The test before may have killed it.
    warm_stack.wait(lambda: warm_stack.call("GET", "/livez", timeout_s=5).status == 200, 15, "a web process")
    warm_stack.wait_until_worker_hears()
    warm_stack.calm()
    warm_stack.token = ""
    yield warm_stack
    for name in list(warm_stack.kept):
        warm_stack.thaw(name)
        if "." in name:
            warm_stack.remove(name)


@pytest.fixture
def scene(stack: Stack, sink: Sink) -> Scene:
    """A department that may reach the sink, and a program of its own that starts runs over HTTP."""
    department = factories.make_department("Press", egress_hosts=[sink.egress])
    factories.make_provider(key_variable="CANARY_PROVIDER_KEY")
    stack.sign_in(department)
    return Scene(stack, sink, department)


def forget_messages(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url.replace("redis+socket://", "unix://")) as broker:
        broker.flushall()


@pytest.fixture(scope="session", autouse=True)
def _serves_from_loopback() -> None:
    assert settings.ENV.bind == "127.0.0.1", "the tests speak to the web process on the loopback address"
