"""A server of its own for the benchmark: the embedded parts and Tandem's own programs, started as `up` starts them."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from bench.groups import Group
from bench.seeding import Seeded
from config import embedded, programs
from config.env import ROOT, Env
from config.parts import embedded_parts
from config.processes import Process, Program
from config.supervisor import Supervisor

MODEL_ANSWERS_AFTER_S = 1.0
OWN = ("web", "worker", "scheduler")
GROUPS = {"web": "web", "worker": "worker", "scheduler": "scheduler", "PostgreSQL": "postgres", "Valkey": "broker"}
"""Name of a program → what its processes are called in the tables."""


class CannotMeasure(Exception):
    """What stands in the way of a measurement, as a sentence."""


@dataclass(frozen=True)
class Shape:
    """How many processes of a kind."""

    workers: int = 1
    web: int = 1
    """How often the web server runs, each time on a port of its own, as on several hosts."""


class Stack:
    """Call `prepare` once, then `start` and `stop` Tandem's own programs as often as wanted, and `close` at the end."""

    def __init__(self, env: Env, shape: Shape) -> None:
        self.env, self.shape = env, shape
        self.ports = [env.port, *(free_port() for _ in range(shape.web - 1))]
        self.seeded = Seeded()
        self._parts = Supervisor(env.home, _quiet)
        self._own = Supervisor(env.home, _quiet)

    @property
    def database_url(self) -> str:
        return embedded.database_url(self.env.home)

    @property
    def sockets(self) -> Path:
        return embedded.postgres_sockets(self.env.home)

    @property
    def broker_socket(self) -> Path:
        return embedded.valkey_socket(self.env.home)

    @property
    def postgres_log(self) -> Path:
        return self.env.log / "postgres.log"

    def start_parts(self) -> None:
        self._parts.start(embedded_parts(self.env))

    def stop_parts(self) -> None:
        self._parts.stop_all()

    def prepare(self) -> None:
        """Migrate and seed as `up` does, then publish what is measured."""
        if self._parts.run(
            self._ours(programs.command(self.env, "prepare", "--news", str(self.env.home / "news.txt")))
        ):
            raise CannotMeasure("The database could not be prepared; the reason stands above.")
        self.seeded = Seeded(**self.told("bench.seeding"))

    def start(self) -> None:
        _, worker, *rest = programs.own_programs(self.env)
        webs = [self._web(number, port) for number, port in enumerate(self.ports, start=1)]
        workers = [_numbered(worker, number) for number in range(1, self.shape.workers + 1)]
        self._own.start([*webs, *(self._ours(each) for each in (*workers, *rest))], one_by_one=True)

    @property
    def is_running(self) -> bool:
        return bool(self._own.groups)

    def stop(self) -> None:
        self._own.stop_all()

    def close(self) -> None:
        self.stop()
        self.stop_parts()

    def groups(self) -> dict[str, Group]:
        """The processes under way, by what they are: web, worker, scheduler, postgres, broker."""
        kept = [kept for supervisor in (self._parts, self._own) for group in supervisor.groups for kept in group]
        roots: dict[str, list[int]] = {name: [] for name in GROUPS.values()}
        for each in kept:
            roots[GROUPS[each.process.program.name.partition("-")[0]]].append(each.process.pid)
        return {name: Group(name, tuple(pids)) for name, pids in roots.items()}

    def environment(self) -> dict[str, str]:
        """Of every process of the stack: ours, without the addresses that the caller's may hold."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "TANDEM_HOME": str(self.env.home),
            "TANDEM_NO_BOOTSTRAP": "1",
            "PORT": str(self.env.port),
            "DATABASE_URL": "",
            "CELERY_BROKER_URL": "",
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": self.env.openai_base_url,
            "OPENAI_MODEL": "",
            "TANDEM_API_PER_MINUTE": "10000000",  # one token is all the programs that a load would come from
        }

    def ask(self, job: dict[str, Any]) -> Any:
        """Let the load generator do a job. Raises CannotMeasure."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            cwd=ROOT,
            input=json.dumps({"ports": self.ports, **job}),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise CannotMeasure(f"The requests failed: {done.stderr.strip().splitlines()[-1]}\nLogs: {self.env.log}")
        return json.loads(done.stdout)

    def told(self, module: str, *job: Any, also: Mapping[str, str] | None = None) -> Any:
        """What a module of ours says at its end (JSON), run in a process of its own over this home.

        Raises CannotMeasure.
        """
        done = self.run([sys.executable, "-m", module, *map(str, job)], {**self.environment(), **(also or {})})
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["It said nothing."]
            raise CannotMeasure(f"{module} {' '.join(map(str, job))} failed: {said[-1]}")
        return json.loads(done.stdout.splitlines()[-1])

    def run(self, command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    def target(self, workflow: str, department: str = "") -> dict[str, str]:
        """What the load generator starts: a workflow of DEFINITIONS in a department, the first where unnamed."""
        department = department or next(iter(self.seeded.tokens))
        return {
            "workflow": self.seeded.workflows[workflow][department],
            "department": department,
            "token": self.seeded.tokens[department],
        }

    @contextmanager
    def web_without_ledger(self) -> Iterator[tuple[int, Group]]:
        """One more web process, in which starting a run writes no deed (bench/without_ledger.py), and its port."""
        port = free_port()
        web = self._web(len(self.ports) + 1, port)
        process = Process(replace(web, env={**web.env, "BENCH_WITHOUT_LEDGER": "1"}))
        try:
            process.wait_until_ready()
            yield port, Group("web", (process.pid,))
        finally:
            process.stop()

    def _web(self, number: int, port: int) -> Program:
        web = self._ours(programs.web(replace(self.env, port=port)))
        return replace(web, name="web" if number == 1 else f"web-{number}", env={**web.env, "PORT": str(port)})

    def _ours(self, program: Program) -> Program:
        # libpq names each connection by PGAPPNAME: the log then tells whose statement it was.
        named = {"PGAPPNAME": program.name.partition("-")[0]}
        return replace(program, env={**self.environment(), **program.env, **named})


@contextmanager
def own_home(front_end: Path) -> Iterator[Path]:
    """An empty TANDEM_HOME that goes away afterwards. What npm gave at the last `up` is used again."""
    home = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        for folder in (front_end, front_end.with_name("npm")):
            if folder.exists():
                (home / folder.name).symlink_to(folder)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def provider() -> Iterator[str]:
    """Base address of a provider that answers every question after MODEL_ANSWERS_AFTER_S."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.provider", str(MODEL_ANSWERS_AFTER_S)],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # it ends when our end is closed, however we end
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{_first_line(process.stdout)}/v1"
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_line(stream: IO[str]) -> str:
    if select.select([stream], [], [], 30)[0] and (line := stream.readline().strip()):
        return line
    raise CannotMeasure("The provider of models did not start.")


def _numbered(worker: Program, number: int) -> Program:
    if number == 1 or worker.log is None:
        return worker
    # Celery refuses two workers of one name on a host.
    name = f"worker-{number}"
    return replace(
        worker, name=name, log=worker.log.with_name(f"{name}.log"), command=[*worker.command, "-n", f"{name}@%h"]
    )


def _quiet(sentence: str) -> None:
    """The supervisor's words are for the person in front of `up`."""
