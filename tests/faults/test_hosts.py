"""Tandem on several hosts: PostgreSQL and the broker on one, web and scheduler on another, workers on two more.

The cable of one worker's host is pulled in the middle of its steps, and plugged in again later.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.clusters import cluster, copied
from tests.faults import hosts, pace
from tests.faults.hosts import Network, Spread
from tests.faults.postgres import Server
from tests.faults.rig import new_folder, scene_on
from tests.faults.scenes import Scene
from tests.faults.sink import Sink
from workflows.models import JournalEntry, Run, StepRun

# A start of servers and processes for each broker, and 15 s until a line that was cut is taken for dead.
pytestmark = pytest.mark.timeout(300)
HOSTS = ("data", "front", "first", "second")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network.built(*HOSTS)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def server(network: Network, django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    server = hosts.postgres(network.host("data"), copied(cluster(), new_folder() / "database"))
    try:
        with django_db_blocker.unblock(), server.as_the_database():
            yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def outside(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    sink = Sink(tmp_path_factory.mktemp("outside"), network.outside).start()
    yield sink
    sink.stop()


@pytest.fixture(params=["redis", "rabbitmq"])
def scene(
    request: pytest.FixtureRequest, network: Network, server: Server, outside: Sink, tmp_path: Path
) -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="tandem-hosts-"))  # RabbitMQ's names must be short
    broker = hosts.broker(request.param, network.host("data"), folder)
    front = network.host("front")
    keys = {name: ",".join((settings.ENV.home / file).read_text().split()) for name, file in KEYS.items()}
    stack = Spread(
        tmp_path / "stack",
        hosts.database_url(network.host("data")),
        broker.url,
        {**keys, "ALLOWED_HOSTS": front.address, "TANDEM_PRODUCTION": "0", "NO_PROXY": "*"},
        where={
            "web": front,
            "scheduler": front,
            "worker": network.host("first"),
            "worker.2": network.host("second"),
        },
    )
    stack.address = front.address
    try:
        broker.start()
        connection.close()
        stack.start("web", "scheduler", "worker", "worker.2")
        with scene_on(server, stack, outside) as scene:
            yield scene
    finally:
        stack.stop()
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


KEYS = {"TANDEM_VAULT_KEYS": "vault-keys", "TANDEM_LEDGER_KEYS": "ledger-keys"}


def every_host_works(scene: Scene, slug: str) -> None:
    """Returns when a worker of each host has performed a step of a run that was started from now on."""
    wanted = {scene.stack.kept[name].process.pid for name in ("worker", "worker.2")}
    runs: list[str] = []

    def all_have() -> bool:
        outputs = Run.objects.filter(pk__in=runs, status="succeeded").values_list("output", flat=True)
        if len(outputs) == len(runs):
            runs.extend(scene.stack.start_runs(slug, 4))
        return wanted <= {output["pid"] for output in outputs}

    scene.stack.wait(all_have, 20, "a run performed on every host")
    scene.stack.wait_for_end(runs, 10)


def test_a_host_that_is_cut_off_in_the_middle_loses_nothing_and_doubles_nothing(
    scene: Scene, network: Network, tmp_path: Path
) -> None:
    slow = {"id": "s", "kind": "probe.slow", "with": {"file": str(tmp_path / "written"), "sleep_s": 0.05}}
    where = scene.workflow([slow], output={"pid": "{{ steps.s.pid }}"})
    every_host_works(scene, where)

    classes = ("keyed", "checkable", "unsafe")
    steps = [scene.effect(effect, effect, sleep_s=0.4) for effect in classes]
    slug = scene.workflow(steps)
    runs = scene.stack.start_runs(slug, 12)
    scene.wait_for_arrivals(6)
    network.host("first").pull()
    runs += scene.stack.start_runs(slug, 6)
    scene.stack.wait(lambda: JournalEntry.objects.filter(event="step.lost").exists(), 30, "a step that lost its worker")
    scene.stack.wait_until_settled(pace.LEASE.total_seconds() + 20)
    network.host("first").plug()

    parked = StepRun.objects.filter(run_id__in=runs, status="parked")
    assert {step.error["code"] for step in parked} <= {"outcome_unknown"}, (
        "where it may have been sent a person is asked"
    )
    ended = Run.objects.filter(pk__in=runs, status="succeeded").count()
    assert ended + parked.count() == len(runs) == 18, "nothing is lost"
    assert ended >= 6, "what began afterwards needs one host only"
    assert scene.doubled() == {}, "and nothing doubled"
    every_host_works(scene, where)
