"""K24: kill -9 to every process of a host at once, PostgreSQL too; then everything is started again.

The kernel lives on, so what was written but not yet flushed to the disk survives here and would not in a power cut:
that part stands on PostgreSQL's own fsync, which is on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config import embedded, parts
from config.env import ROOT
from tests import clusters
from tests.faults import pace
from tests.faults.invariants import check_invariants
from tests.faults.sink import Sink
from tests.faults.stack import CANARIES, Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

PROCESSES = ("web", "worker", "scheduler")
ENDED = "SELECT count(*) FROM workflows_run WHERE status IN ('succeeded', 'failed', 'cancelled')"


class Host:
    """A home of its own with its own PostgreSQL and Valkey, and one department in it."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.home, self.sink = folder / "home", sink
        self.database, broker = embedded.database_url(self.home), embedded.broker_url(self.home)
        self.stack = Stack(folder / "stack", self.database, broker, home=self.home)

    def power_on(self) -> None:
        self.stack.start_parts(parts.postgres(self.home), parts.valkey(self.home))

    def move_in(self) -> None:
        planted = json.loads(self._run("-m", "tests.faults.planting", self.sink.egress, self.sink.url))
        self.stack.token, self.workflow = planted["token"], planted["workflow"]

    def fetch(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement, values or None).fetchall()

    def accept(self, accepted: list[str], stop: threading.Event) -> None:
        """Adds the ids of the runs that are acknowledged with a 201, until told to stop."""
        while not stop.is_set():
            answer = self.stack.start_run(self.workflow)
            accepted += [answer.body["id"]] if answer.status == 201 else []

    def _run(self, *arguments: str) -> str:
        environment = (
            os.environ | CANARIES | {"DJANGO_SETTINGS_MODULE": "tests.impatient", "TANDEM_HOME": str(self.home)}
        )
        environment |= {"DATABASE_URL": self.database, "CELERY_BROKER_URL": self.stack.broker_url}
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@pytest.fixture
def host(tmp_path: Path, sink: Sink) -> Iterator[Host]:
    host = Host(tmp_path, sink)
    try:
        clusters.copied(clusters.cluster(), host.home)
        host.power_on()
        host.move_in()
        yield host
    finally:
        host.stack.stop()


def test_k24_every_acknowledged_run_survives_the_death_of_the_whole_host(host: Host, sink: Sink) -> None:
    accepted: list[str] = []
    for _ in pace.rounds():
        host.stack.start(*PROCESSES)
        before, stop = len(accepted), threading.Event()
        with ThreadPoolExecutor(4) as programs:
            for _program in range(4):
                programs.submit(host.accept, accepted, stop)
            try:
                host.stack.wait(lambda before=before: len(accepted) >= before + 2, 20, "accepted runs")
                time.sleep(0.5)
                host.stack.cut_the_power()
            finally:
                stop.set()
        host.power_on()

    host.stack.start(*PROCESSES)
    expected = len(accepted)
    host.stack.wait(lambda: host.fetch(ENDED, ())[0][0] >= expected and _is_still(host), 60, f"{expected} runs")

    known = {str(row[0]) for row in host.fetch("SELECT id FROM workflows_run WHERE status = 'succeeded'", ())}
    assert len(accepted) >= 2
    assert set(accepted) <= known, "an acknowledged run was lost or did not succeed"
    assert check_invariants(sink, expected, canaries=CANARIES.values(), fetch=host.fetch) == []


def _is_still(host: Host) -> bool:
    """Runs whose acknowledgement never arrived are carried to their end too."""
    return host.fetch(f"SELECT count(*) = ({ENDED}) FROM workflows_run", ())[0][0]
