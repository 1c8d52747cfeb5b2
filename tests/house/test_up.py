"""`manage.py up` as a person types it: all of Tandem, on the real parts except the model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
import pytest

from config import embedded
from config.env import ROOT


class House:
    """A running `up` and what it has said."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.output = home / "terminal.txt"
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environment(home, port),
            stdout=self.output.open("w"),
            stderr=subprocess.STDOUT,
        )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_until_said(self, words: str, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"{words!r} was not said within {within_s} s:\n{self.said}"
            time.sleep(0.05)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, words: str) -> psutil.Process:
        return next(one for one in self.children() if words in " ".join(one.cmdline()))

    def stop(self, number: signal.Signals) -> float:
        """Returns how long it took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began


def environment(home: Path, port: int) -> dict[str, str]:
    """As on a fresh machine, but for a provider of models, which spares the practice model."""
    set_here = ("DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE")
    return {
        **{name: value for name, value in os.environ.items() if name not in set_here},
        "TANDEM_HOME": str(home),
        "TANDEM_NO_BOOTSTRAP": "1",
        "PORT": str(port),
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


@pytest.fixture
def furnished_home(settled_home: Path, built_front_end: Path) -> Path:
    """A TANDEM_HOME for which npm need not run again."""
    for folder in (built_front_end, built_front_end.with_name("npm")):
        (settled_home / folder.name).symlink_to(folder)
    return settled_home


@pytest.fixture
def house(furnished_home: Path) -> Iterator[House]:
    house = House(furnished_home, free_port())
    yield house
    children = house.children() if house.process.poll() is None else []
    house.process.kill()
    house.process.wait()
    gone(children)


def test_it_starts_serves_heals_refuses_a_second_one_stops_and_goes_on(house: House) -> None:
    house.wait_until_said("Tandem runs at", within_s=100)
    with urlopen(f"http://127.0.0.1:{house.port}/readyz", timeout=10) as answer:
        assert answer.status == 200
    with psycopg.connect(embedded.database_url(house.home)) as connection:
        people = connection.execute("SELECT count(*) FROM departments_user").fetchone()

    # A part that dies is started again.
    house.child("valkey-server").kill()
    house.wait_until_said("Valkey was killed by SIGKILL; starting it again in 0 s.")

    # A second one on the same data is refused, and so is one on the same port.
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment(house.home, house.port),
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    assert f"Tandem already runs on {house.home}: process {house.process.pid}" in second.stdout

    # Killed, it takes its children along; its lock stays behind as a file and blocks nobody.
    children = house.children()
    house.stop(signal.SIGKILL)
    assert gone(children)
    assert (house.home / "run" / "up.lock").read_text().startswith(str(house.process.pid))

    again = House(house.home, house.port)
    began = time.monotonic()
    again.wait_until_said("Tandem runs at", within_s=60)
    took = time.monotonic() - began
    with psycopg.connect(embedded.database_url(house.home)) as connection:
        assert connection.execute("SELECT count(*) FROM departments_user").fetchone() == people
    print(f"the second start took {took:.1f} s")

    # Ctrl-C stops everything in order.
    children = again.children()
    assert again.stop(signal.SIGINT) < 15
    assert again.process.returncode == 0
    assert gone(children)
    assert again.said.splitlines()[-1] == f"Stopped. The data stays in {house.home}"
    assert "is shut down" in (house.home / "log" / "postgres.log").read_text().splitlines()[-1]


def test_a_busy_port_is_named_before_anything_starts(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment(home, port), capture_output=True, text=True
        )

    assert result.returncode == 1
    assert f"Port {port} is in use by another program. Choose another one, for example: PORT=" in result.stdout
    assert not (home / "postgres").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        (["showmigrations"], {}, "`showmigrations` needs the database, and none runs"),
        (["run_workflow", "legal/nda-triage"], {}, "Start `python3 manage.py up` first"),
        (["up"], {"PORT": "web"}, "PORT is 'web'; it must be a number from 1 to 65535."),
        (
            ["migrate"],
            {"DATABASE_URL": "sqlite:///db"},
            "DATABASE_URL begins with 'sqlite'; Tandem needs postgresql://",
        ),
    ],
)
def test_a_command_that_cannot_work_says_why(
    arguments: list[str], environ: dict[str, str], sentence: str, home: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home, 8000) | environ,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
