"""Web, worker and scheduler as real processes on the test's own database and broker, kept alive as `up` does it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import psutil
from django.conf import settings
from django.db import connection

from config import programs
from config.env import Env
from config.processes import Program
from config.supervisor import Kept, Supervisor
from departments.access import SYSTEM
from departments.models import Department, Role
from departments.tokens import create_token
from tests.faults.points import HOLD, Strike, Tally, read
from tests.faults.sink import free_port
from tests.nursery import NURSERY
from workflows.models import Run, StepRun, StepStatus
from workflows.runtime import queue

CANARIES: Final = {
    "SECRET_KEY": "canary-secret-key-5f0c2d9e7b41a8",
    "CANARY_PROVIDER_KEY": "canary-provider-key-93be17aa60c4d2",
}
"""Secrets in the environment of every process; a test of I8 names the second one as the key of a provider."""

HEARD: Final = "msg_received_before_claim"
KINDS: Final = ("web", "worker", "scheduler")
PATIENCE = 4.0
"""Every deadline of a test is this much longer than a quiet machine needs."""


class NotInTime(AssertionError):
    """What was waited for, for how long, and what the processes said last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said. `status` 0: the line was cut before any answer."""

    status: int
    body: Any = None


@dataclass
class Stack:
    """Named processes: `web`, `worker`, `scheduler`, and more of each as `worker.2`. From the main thread only."""

    folder: Path
    database_url: str
    broker_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    home: Path | None = None
    """TANDEM_HOME; the session's own when None."""
    kept: dict[str, Kept] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tallies = {kind: Tally(self.folder / f"tally-{kind}") for kind in KINDS}
        self.supervisor = Supervisor(self.folder, self.said.append)
        self.address, self.port = "127.0.0.1", free_port()
        self.token = ""

    # Processes ------------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start these together; returns when each that can be asked is ready."""
        self.supervisor.start([self._program(name) for name in names])
        self.kept |= dict(zip(names, self.supervisor.groups[-1], strict=True))

    def start_parts(self, *parts: Program) -> None:
        """Servers beside our own processes, one after the other, each ready before the next."""
        self.supervisor.start(parts, one_by_one=True)
        self.kept |= {part.name: kept for part, kept in zip(parts, self.supervisor.groups[-1], strict=True)}

    def cut_the_power(self) -> None:
        """SIGKILL to every process and every child of it, in no order; nothing is started again by itself."""
        roots = [psutil.Process(kept.process.pid) for kept in self.kept.values() if kept.process.exit_code() is None]
        for root in roots:
            root.suspend()  # so that it has no children that we do not know of
        doomed = [*roots, *(child for root in roots for child in root.children(recursive=True))]
        for each in doomed:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.stop()
        psutil.wait_procs(doomed, timeout=30)

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children. `wait` starts it again; `remove` ends it for good."""
        self.kept[name].process.kill()

    def ask_to_stop(self, name: str) -> None:
        """SIGTERM, as a deployment does."""
        self.kept[name].process.ask_to_stop()

    def remove(self, name: str) -> None:
        gone = self.kept.pop(name)
        for group in self.supervisor.groups:
            if gone in group:
                group.remove(gone)
        gone.process.kill()

    def freeze(self, name: str) -> None:
        os.killpg(self.kept[name].process.pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.kept[name].process.pid, signal.SIGCONT)

    def is_alive(self, name: str) -> bool:
        return self.kept[name].process.exit_code() is None

    def deaths(self, name: str) -> int:
        """How often it had to be started again since `calm`."""
        return self.kept[name].deaths

    def stop(self) -> None:
        for kept in self.kept.values():
            kept.process.kill()
        self.kept.clear()
        self.supervisor.groups.clear()

    # Faults ---------------------------------------------------------------------------------------------------------

    def strike(self, name: str, rules: str) -> None:
        """From now on `name` obeys these rules (see `points`). Hits of the points they name count from one again.

        Each kind of process counts for itself: what a scheduler does in a worker's stead is no hit of a worker's rule.
        """
        for rule in read(rules):
            self.tallies[kind_of(name)].forget(rule.point)
        file = self._orders(name)
        file.with_suffix(".new").write_text(rules)
        file.with_suffix(".new").rename(file)

    def calm(self) -> None:
        """No faults, nothing counted, nothing held against a process that died before."""
        for name in {*self.kept, *KINDS}:
            self.strike(name, "")
        for kept in self.kept.values():
            kept.deaths = 0
        for tally in self.tallies.values():
            tally.clear()

    def struck(self, point: str = "") -> list[Strike]:
        """What has struck at this point, or anywhere; who is only held there does not count."""
        strikes = [strike for tally in self.tallies.values() for strike in tally.strikes()]
        return [strike for strike in strikes if point in ("", strike.point) and strike.action != HOLD]

    def hits(self, kind: str = "") -> Counter[str]:
        """Point → how often processes of this kind, or any, came by since `calm`."""
        counted = [tally.hits() for name, tally in self.tallies.items() if kind in ("", name)]
        return sum(counted, Counter())

    # Waiting --------------------------------------------------------------------------------------------------------

    def wait(self, until: Callable[[], bool], quiet_s: float, what: str) -> float:
        """Keep the processes running as the supervisor does until it is so; the seconds that took. Raises NotInTime.

        `quiet_s` is what a quiet machine needs at most.
        """
        began = time.monotonic()

        def is_enough() -> bool:
            connection.close()
            return until() or time.monotonic() - began > quiet_s * PATIENCE

        self.supervisor.keep(is_enough)
        if not until():
            raise NotInTime(f"{what}: not within {quiet_s * PATIENCE:.0f} s. {self.account()}")
        return time.monotonic() - began

    def wait_until_web_answers(self) -> None:
        """After its death, that is: until it is started again and asks the database."""
        self.wait(lambda: self.call("GET", "me", timeout_s=5).status == 200, 15, "an answer of the web process")

    def keep_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.supervisor.keep(lambda: time.monotonic() > until)

    def wait_for_hits(self, point: str, count: int, quiet_s: float = 10) -> None:
        self.wait(lambda: self.hits()[point] >= count, quiet_s, f"{count} hits of {point}")

    def wait_until_worker_hears(self) -> None:
        """After its death or birth, that is: until it takes a message (about a run that does not exist)."""
        before = self.hits("worker")[HEARD]

        def hears() -> bool:
            queue.publish("run", [uuid4()], 1)
            return self.hits("worker")[HEARD] > before

        self.wait(hears, 15, "a worker that takes messages")

    def wait_for_strike(self, point: str, count: int = 1, quiet_s: float = 10) -> None:
        self.wait(lambda: len(self.struck(point)) >= count, quiet_s, f"{count} strikes at {point}")

    def wait_for_end(self, runs: Iterable[str], quiet_s: float) -> float:
        """Until every one of these runs is over."""
        ids = set(map(str, runs))
        return self.wait(lambda: not live(ids), quiet_s, f"the end of {len(ids)} runs")

    def wait_until_settled(self, quiet_s: float) -> float:
        """Until no run can go on without a person: each is over or parked or waits for an answer."""
        return self.wait(lambda: not busy(), quiet_s, "the end of everything that is under way")

    # The API --------------------------------------------------------------------------------------------------------

    def sign_in(self, department: Department, role: Role | str = Role.MANAGER) -> None:
        """Speak as a program of this department from now on."""
        _, self.token = create_token(department, role=role, name="Chaos", actor=SYSTEM)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "", timeout_s: float = 30) -> Answer:
        """One request over the wire: to /api/v1/PATH, or to where the path leads that begins with a stroke."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        line = http.client.HTTPConnection(self.address, self.port, timeout=timeout_s)
        try:
            place = path if path.startswith("/") else f"/api/v1/{path}"
            line.request(method, place, None if body is None else json.dumps(body), headers)
            answer = line.getresponse()
            said = answer.read()
            return Answer(
                answer.status, json.loads(said) if said and "json" in answer.headers["Content-Type"] else None
            )
        except (OSError, http.client.HTTPException):
            return Answer(0)
        finally:
            line.close()

    def start_run(self, workflow: str, inputs: Mapping[str, Any] | None = None, *, key: str = "") -> Answer:
        return self.call("POST", f"workflows/{workflow}/runs", {"inputs": dict(inputs or {})}, key=key)

    def start_runs(self, workflow: str, count: int, inputs: Mapping[str, Any] | None = None) -> list[str]:
        """Their ids. Every one of them was accepted."""
        answers = [self.start_run(workflow, inputs) for _ in range(count)]
        refused = [answer for answer in answers if answer.status != 201]
        assert not refused, f"{len(refused)} of {count} runs were not accepted: {refused[0]}. {self.account()}"
        return [answer.body["id"] for answer in answers]

    # Accounts -------------------------------------------------------------------------------------------------------

    def account(self) -> str:
        """What struck and who died, for a failing test."""
        strikes = "; ".join(f"{strike.point} {strike.action} at hit {strike.hit}" for strike in self.struck()[-10:])
        deaths = " ".join(self.said[-6:])
        return f"Struck: {strikes or 'nothing'}. Hits: {dict(self.hits())}. Supervisor: {deaths}. {standing()}"

    def written(self) -> dict[str, bytes]:
        """Log file → what the processes wrote there, for the search for secrets."""
        return {file.name: file.read_bytes() for file in (self.folder / "log").glob("*.log")}

    def _orders(self, name: str) -> Path:
        return self.folder / f"orders-{name}"

    def _program(self, name: str) -> Program:
        env: Env = replace(settings.ENV, home=self.home or settings.ENV.home, port=self.port)
        program = {"web": programs.web, "worker": programs.worker, "scheduler": programs.scheduler}[kind_of(name)](env)
        orders = self._orders(name)
        if not orders.exists():
            orders.write_text("")
        environment = {
            **program.env,
            "DJANGO_SETTINGS_MODULE": "tests.impatient",
            "DATABASE_URL": self.database_url,
            "CELERY_BROKER_URL": self.broker_url,
            "PORT": str(self.port),
            "FAULTS": str(orders),
            "FAULTS_TALLY": str(self.tallies[kind_of(name)].folder),
            **CANARIES,
            "TANDEM_API_PER_MINUTE": "10000000",
            **self.environment,
        }
        return NURSERY.bears(replace(program, name=name, env=environment, log=self.folder / "log" / f"{name}.log"))


def kind_of(name: str) -> str:
    """`worker.2` is a worker."""
    return name.partition(".")[0]


def live(ids: set[str]) -> bool:
    """Whether any of these runs is not over."""
    return Run.objects.filter(pk__in=ids).exclude(status__in=["succeeded", "failed", "cancelled"]).exists()


def busy() -> bool:
    """Whether anything is still to be done without a person."""
    under_way = StepRun.objects.filter(status__in=[StepStatus.READY, StepStatus.RUNNING])
    timers = StepRun.objects.filter(status=StepStatus.WAITING, wake_at__isnull=False)
    return Run.objects.filter(status="queued").exists() or under_way.exists() or timers.exists()


def standing() -> str:
    """How many runs and steps are in which state."""
    runs = Counter(Run.objects.values_list("status", flat=True))
    steps = Counter(StepRun.objects.values_list("status", flat=True))
    return f"Runs: {dict(runs)}. Steps: {dict(steps)}."


def database_url() -> str:
    """Address of the database that the test itself is connected to."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@/{at['NAME']}?host={quote(at['HOST'])}" + (
        f"&port={at['PORT']}" if at["PORT"] else ""
    )
