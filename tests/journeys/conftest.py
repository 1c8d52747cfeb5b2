"""Real worker and scheduler processes on the test's own database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from config import programs
from config.processes import Process, Program
from tests.nursery import NURSERY
from workflows.models import Run


@dataclass
class Stack:
    """Processes that a test starts and kills."""

    broker_url: str
    home: Path
    processes: list[Process] = field(default_factory=list)

    def start(self, name: str) -> Process:
        program = {"worker": programs.worker, "scheduler": programs.scheduler}[name](settings.ENV)
        process = Process(self._ours(program, len(self.processes)))
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()

    def _ours(self, program: Program, number: int) -> Program:
        environment = {
            **program.env,
            "DJANGO_SETTINGS_MODULE": "tests.impatient",
            "TANDEM_HOME": str(self.home),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": self.broker_url,
        }
        log = self.home / "log" / f"{program.name}-{number}.log"
        return NURSERY.bears(replace(program, env=environment, log=log))


def database_url() -> str:
    """Address of the database that the test itself is connected to."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@/{at['NAME']}?host={quote(at['HOST'])}" + (
        f"&port={at['PORT']}" if at["PORT"] else ""
    )


@pytest.fixture
def workers(transactional_db: None, broker: str) -> Iterator[Stack]:
    """Without the practice model: for those who bring a provider of their own, or none."""
    stack = Stack(broker, settings.ENV.home)
    yield stack
    stack.stop()


@pytest.fixture
def stack(workers: Stack, practice_model: str) -> Stack:
    return workers


def wait_for(condition: Callable[[], bool], patience_s: float, what: str) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {patience_s:.0f} s")
        connection.close()
        time.sleep(0.1)


def ended(run: Run) -> bool:
    run.refresh_from_db()
    return run.status_is_settled
