"""Programs are kept running, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded, parts
from config.env import ROOT
from config.processes import NotReady, Process, Program
from config.supervisor import Supervisor, pause_before


class Said(list[str]):
    def __call__(self, sentence: str) -> None:
        self.append(sentence)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def supervisor(home: Path, said: Said) -> Iterator[Supervisor]:
    supervisor = Supervisor(home, said)
    yield supervisor
    supervisor.stop_all()


def python(home: Path, name: str, code: str, **options: object) -> Program:
    return Program(
        name=name, command=[sys.executable, "-c", textwrap.dedent(code)], log=home / f"{name}.log", **options
    )  # type: ignore[arg-type]


def wait_for(true: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("deaths", "pause_s"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (20, 30)])
def test_each_early_death_doubles_the_pause(deaths: int, pause_s: float) -> None:
    assert pause_before(deaths) == pause_s


def test_a_killed_postgres_is_started_again_and_has_its_data(
    settled_home: Path, supervisor: Supervisor, said: Said
) -> None:
    supervisor.start([parts.postgres(settled_home)])
    with psycopg.connect(embedded.database_url(settled_home), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")

    os.kill(supervisor.groups[0][0].process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    supervisor.keep(until=lambda: (len(said) > 1 and _rows(settled_home) == [(1,)]) or time.monotonic() > deadline)

    assert _rows(settled_home) == [(1,)]
    assert said[0] == "PostgreSQL is ready."
    assert said[1].startswith("PostgreSQL was killed by SIGKILL; starting it again in 0 s.")


def _rows(home: Path) -> list[tuple[int]]:
    try:
        with psycopg.connect(embedded.database_url(home)) as connection:
            return connection.execute("SELECT value FROM kept").fetchall()
    except psycopg.OperationalError:
        return []


def test_what_started_last_stops_first(home: Path, supervisor: Supervisor) -> None:
    code = f"""
        import signal, sys, time
        def note(*_):
            open({str(home / "order")!r}, "a").write(sys.argv[1] + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, note)
        open({str(home)!r} + "/" + sys.argv[1], "w").close()
        time.sleep(60)
    """
    for name in ("database", "web"):
        program = python(home, name, code, is_ready=(home / name).exists)
        supervisor.start([Program(**{**vars(program), "command": [*program.command, name]})])

    supervisor.stop_all()

    assert (home / "order").read_text() == "web database "


def test_what_does_not_stop_when_asked_is_killed_with_all_that_it_started(home: Path, supervisor: Supervisor) -> None:
    code = f"""
        import signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open({str(home / "grandchild")!r}, "w").write(str(subprocess.Popen(["sleep", "60"]).pid))
        time.sleep(60)
    """
    written = home / "grandchild"
    program = python(home, "deaf", code, is_ready=lambda: written.exists() and written.read_text(), stop_within_s=0.3)
    supervisor.start([program])
    child = supervisor.groups[0][0].process.pid

    began = time.monotonic()
    supervisor.stop_all()

    assert time.monotonic() - began < 2
    wait_for(lambda: not is_alive(child) and not is_alive(int((home / "grandchild").read_text())))


def test_a_killed_parent_takes_its_children_along(home: Path) -> None:
    code = f"""
        import pathlib, time
        from config.processes import Process, Program
        process = Process(Program(name="child", command=["sleep", "60"], log=pathlib.Path({str(home)!r}) / "child.log"))
        print(process.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert is_alive(child)

    parent.kill()
    parent.wait()

    wait_for(lambda: not is_alive(child))


def test_a_program_that_ends_while_starting_tells_its_last_words(home: Path) -> None:
    program = python(home, "broken", "raise SystemExit('no such table')", is_ready=lambda: False)

    with pytest.raises(
        NotReady, match=r"broken ended with code 1 while starting.\n +no such table\nIts log is .*broken.log"
    ):
        Process(program).wait_until_ready()


def test_a_program_that_stays_silent_is_given_up(home: Path) -> None:
    program = python(home, "silent", "import time; time.sleep(60)", is_ready=lambda: False, ready_within_s=0.2)
    process = Process(program)

    with pytest.raises(NotReady, match="silent gave no answer within"):
        process.wait_until_ready()

    process.stop()


def test_a_log_that_grew_large_is_set_aside(home: Path) -> None:
    (home / "noisy.log").write_bytes(b"x" * 10_000_001)

    process = Process(python(home, "noisy", "print('new')"))
    wait_for(lambda: process.exit_code() is not None)

    assert (home / "noisy.log").read_text() == "new\n"
    assert (home / "noisy.log.1").stat().st_size == 10_000_001
