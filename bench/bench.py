"""A benchmark under way: how much of everything, on which server, and what was measured so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from bench.groups import Phase, watched
from bench.stack import CannotMeasure, Stack

if TYPE_CHECKING:
    from bench.counts import PerRun

Values = Mapping[str, float]

PATIENCE_S = 900
"""For the runs of one measurement, which last seconds or a few minutes."""
CONNECTIONS = 8
LOOKED_AT, LOOK_EVERY_S = 50, 0.005
UNDER_WAY = {"queued", "running", "waiting"}


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    repetitions: int = 3
    limit_s: int = 3
    local_runs: int = 1_000
    starts: tuple[int, float] = (50, 20.0)
    """Starts a second, and for how many seconds."""
    visible: int = 200
    effect_runs: int = 50
    items: tuple[int, int] = (1_000, 10_000)
    model_runs: int = 500
    pages: int = 200
    counted_runs: int = 50
    rest_s: float = 10.0
    people: int = 1_000
    deciding_s: float = 10.0
    waiting: int = 100_000
    timers: int = 100_000
    secrets: tuple[int, int] = (500, 10_000)
    ledger: tuple[int, int] = (3_000, 1_000_000)
    """Runs with the ledger, and as many without; entries that are verified."""
    runs: int = 1_000_000
    """Over so many the lists of the admin are shown."""
    storm: tuple[int, float] = (1_000, 30.0)
    """Calls of a webhook a second, and for how many seconds."""
    warm_up_runs: int = 100
    departments: int = 3
    """Over how many departments the runs that wait for a model are spread."""


QUICK = Sizes(
    repetitions=1,
    limit_s=1,
    local_runs=20,
    starts=(50, 0.5),
    visible=10,
    effect_runs=3,
    items=(20, 60),
    model_runs=6,
    pages=8,
    counted_runs=3,
    rest_s=1.0,
    people=10,
    deciding_s=1.0,
    waiting=100,
    timers=50,
    secrets=(20, 200),
    ledger=(40, 2_000),
    runs=500,
    storm=(50, 1.0),
    warm_up_runs=5,
)
"""Whether it works at all, within seconds. The figures keep their names and mean little."""


@dataclass(frozen=True)
class Started:
    """Runs that have all succeeded. Seconds from the first start: to the last success, to the last answered start."""

    ids: list[str]
    took_s: float
    starting_s: float


@dataclass
class Bench:
    """One benchmark under way: its server, what was measured so far, and who used the cores meanwhile."""

    stack: Stack
    sizes: Sizes
    say: Callable[[str], None]
    taken: dict[str, list[float]] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Measurements that could not be taken, each with its reason."""
    per_run: dict[str, PerRun] = field(default_factory=dict)
    """Commits, statements and messages of single runs, in detail."""

    @contextmanager
    def phase(self, name: str, runs: int) -> Iterator[Phase]:
        with watched(Phase(name, runs), self.stack.groups()) as phase:
            yield phase
        self.phases.append(phase)

    def start_runs(
        self, phase: Phase, workflow: str, count: int, *, inputs: Any = None, departments: int = 1
    ) -> Started:
        """Start runs over HTTP and return when all have succeeded. Raises CannotMeasure when one ended otherwise."""
        names = list(self.stack.seeded.tokens)[:departments]
        targets = [self.stack.target(workflow, name) for name in names]
        job = {"do": "start", "targets": targets, "count": count, "connections": CONNECTIONS}
        result = self.stack.ask({**job, "inputs": inputs or {"topic": "the spring campaign"}})
        phase.cpu_s["load"] = phase.cpu_s.get("load", 0.0) + result["cpu_s"]
        _await_success(self.stack.database_url, result["ids"])
        began = result["began"]
        return Started(result["ids"], time.monotonic() - began, result["ended"] - began)


@dataclass(frozen=True)
class Measurement:
    """What gives the figures named; one that names none is always taken. `take` is called once for each repetition."""

    names: tuple[str, ...]
    take: Callable[[Bench], Values]


def _await_success(database_url: str, ids: list[str]) -> None:
    """Returns when all of these runs have succeeded, looking at a few at a time, which costs the database little."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(database_url, autocommit=True) as connection:
        for start in range(0, len(ids), LOOKED_AT):
            while (statuses := _statuses(connection, ids[start : start + LOOKED_AT])) & UNDER_WAY:
                if time.monotonic() > deadline:
                    raise CannotMeasure(f"Runs were still under way after {PATIENCE_S} s.")
                time.sleep(LOOK_EVERY_S)
            if statuses != {"succeeded"}:
                raise CannotMeasure(f"Runs ended as {', '.join(sorted(statuses))}; all of them should have succeeded.")


def _statuses(connection: psycopg.Connection[Any], ids: list[str]) -> set[str]:
    rows = connection.execute("SELECT DISTINCT status FROM workflows_run WHERE id = ANY(%s::uuid[])", [ids])
    return {str(row[0]) for row in rows}
