"""Real servers for the tests: those that the environment names, else embedded ones for the length of the session."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from xdist.scheduler import LoadScopeScheduling

from audit import wall
from config import embedded, front_end, parts
from config.processes import Process, Program
from tests import clusters
from tests.emptying import rows_are_deleted_between_tests  # noqa: F401  a fixture for every test
from tests.no_calls_in_transactions import (  # noqa: F401  two more
    no_refusal_was_swallowed,
    nothing_is_sent_inside_a_transaction,
)
from tests.refusals import refused_without_a_page  # noqa: F401  and one for whoever names it

os.environ.setdefault("TANDEM_NO_BOOTSTRAP", "1")


SERVERS = "tests/faults"
"""What shares one stack of servers, and mostly waits for them: two such lanes leave a core to all the others."""
OF_THE_OTHER_LANE = ("test_kill", "test_race", "test_load", "test_restore", "test_points", "test_test_runs")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """What processes that share the work would all make, or wait for until they are out of time."""
    if getattr(session.config.option, "numprocesses", None):
        front_end.build(settings.FRONT_END_DIR)
        if settings.ENV.embeds_database:
            clusters.cluster()


class Lanes(LoadScopeScheduling):
    """For `-n 3`: two processes have a stack of servers each and then help the third, which takes file by file.

    xdist's own groups stand in marks, and are lost on the way with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not file.startswith(SERVERS):
            return file
        return f"{SERVERS}/{file.rpartition('/')[2].startswith(OF_THE_OTHER_LANE)}"


WATCHERS = (SERVERS, "tests/journeys", "tests/house", "tests/browser")
"""What watches real processes and a real browser by the clock."""
LONGEST = (
    "tests/journeys/test_examples.py",
    "tests/house/test_bench.py",
    "tests/house/test_up.py",
    "tests/workflows/pages/test_hostile_texts.py",
)
"""Files of few tests that take minutes: begun first, so that nobody waits for them when all others are done."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the servers and what takes longest, then all others that watch, then the files with the most tests.

    Watchers get a second try. Begun last, one of them would keep two processes waiting for it.
    """
    sizes = Counter(_file(item) for item in items)
    items.sort(key=lambda item: (_rank(item), -sizes[_file(item)], _file(item)))
    for item in items:
        if item.nodeid.startswith(WATCHERS):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _rank(item: pytest.Item) -> int:
    if item.nodeid.startswith(SERVERS):
        return 0
    if _file(item) in LONGEST:
        return 1
    return 2 if item.nodeid.startswith(WATCHERS) else 3


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    config.option.loadscopereorder = False  # done above
    return Lanes(config, log)


def pytest_unconfigure() -> None:
    from tests.settings import HOME, IS_XDIST_WORKER

    if not IS_XDIST_WORKER:
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """A test that ended inside a request has left the wall standing; whoever empties the tables must see them."""
    wall.take_down()


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    """Where pytest_httpserver plays another system: on a free port."""
    return ("127.0.0.1", 0)


def running(program: Program) -> Iterator[None]:
    process = Process(program)
    try:
        process.wait_until_ready()
        yield
    finally:
        process.stop()


@pytest.fixture(scope="session")
def database_server() -> Iterator[None]:
    if settings.ENV.embeds_database:
        clusters.copied(clusters.cluster(), settings.ENV.home)
        yield from running(parts.postgres(settings.ENV.home, durable=False))
    else:
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, database_server: None) -> None:
    """pytest-django's place for what must be there before the test database is made."""


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Address of a real broker."""
    if settings.ENV.embeds_broker:
        for _ in running(parts.valkey(settings.ENV.home)):
            yield settings.BROKER_URL
    else:
        yield settings.BROKER_URL


@pytest.fixture(scope="session")
def practice_model() -> Iterator[str]:
    """Base address of the real practice model."""
    home = settings.ENV.home
    parts.choose_practice_port(home)
    for _ in running(parts.practice_model(home)):
        yield embedded.practice_url(home)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a headless browser; installs Debian's where root may and none is there."""
    # The shell alone draws no window of its own, which would cost a quarter of all that a test needs.
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium-headless-shell"], check=True
        )
        return "/usr/bin/chromium-headless-shell"
    pytest.fail("The browser tests need Chromium. Install it: apt-get install chromium.")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty TANDEM_HOME of one test."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Any]:
    """One for all: it keeps what it knows in the process, whatever its port. Two seconds of libraries, so only here."""
    from tests.s3_server import S3Server

    server = S3Server().start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def what_was_made_of_services_is_forgotten() -> None:
    """It is kept for the life of a process by names that never change; the rows of tests do not live that long."""
    from connectors import made

    made.forget()
