from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.urls import reverse
from pytest_django import Settings

from config import programs
from config.processes import Process
from departments.models import Department, User
from tests.factories import make_department, make_user
from tests.faults.stack import database_url
from tests.mail_server import MailServer


@pytest.fixture
def home_page() -> str:
    return reverse("home")


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def lea(legal: Department) -> User:
    return make_user("Lea", department=legal)


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """The mail server that the settings name."""
    server = MailServer().start()
    server.use(settings)
    yield server
    server.stop()


@pytest.fixture
def start_scheduler(
    transactional_db: None, broker: str, server: MailServer, tmp_path: Path
) -> Iterator[Callable[[], Process]]:
    """Starts real schedulers on the test's own database, which send through `server`."""
    processes: list[Process] = []
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.impatient",
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": broker,
        "SMTP_URL": f"smtp://{server.host}:{server.port}",
        "MAIL_FROM": "Tandem <tandem@house.example>",
    }

    def start() -> Process:
        program = programs.scheduler(configured.ENV)
        log = tmp_path / f"scheduler-{len(processes)}.log"
        processes.append(Process(replace(program, env={**program.env, **environment}, log=log)))
        return processes[-1]

    yield start
    for process in processes:
        process.stop()
