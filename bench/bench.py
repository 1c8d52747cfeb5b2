"""The benchmark: which measurements there are, how often each is taken, what they gave."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from bench.figures import UNITS, Figure, figures
from bench.groups import Phase, watched
from bench.machine import described
from bench.stack import CannotMeasure, Shape, Stack, free_port, own_home, provider
from config.env import Env

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
    visible: int = 200
    effect_runs: int = 50
    items: tuple[int, int] = (1_000, 10_000)
    model_runs: int = 500
    pages: int = 200
    counted_runs: int = 50
    rest_s: float = 10.0
    warm_up_runs: int = 100
    departments: int = 3
    """Over how many departments the runs that wait for a model are spread."""


QUICK = Sizes(
    repetitions=1,
    limit_s=1,
    local_runs=40,
    visible=20,
    effect_runs=3,
    items=(20, 60),
    model_runs=12,
    pages=20,
    counted_runs=5,
    rest_s=1.0,
    warm_up_runs=10,
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
    per_run: dict[str, Any] = field(default_factory=dict)
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


def measure(env: Env, sizes: Sizes, shape: Shape, only: Iterable[str], say: Callable[[str], None]) -> Result:
    """Measure what `only` names, everything where it names nothing, on a server made for it. Raises CannotMeasure."""
    from bench.measurements import AT_REST, UNDER_LOAD

    wanted, load_before = set(only) or set(UNITS), os.getloadavg()
    with own_home(env.home / "front-end") as home, provider() as address:
        stack = Stack(_own(env, home, address), shape)
        bench = Bench(stack, sizes, say)
        try:
            say("Making a server for the benchmark.")
            stack.start_parts()
            stack.prepare()
            machine = described(stack, load_before)
            _take(bench, AT_REST, wanted)
            _warm_up(bench)
            _take(bench, UNDER_LOAD, wanted)
        finally:
            stack.close()
    return Result(machine, [each for each in figures(bench.taken) if each.name in wanted], bench)


@dataclass(frozen=True)
class Result:
    """What a benchmark gave."""

    machine: dict[str, Any]
    figures: list[Figure]
    bench: Bench


def _own(env: Env, home: Path, provider_url: str) -> Env:
    """The environment of a fresh server: none of the caller's addresses."""
    return replace(
        env,
        home=home,
        port=free_port(),
        bind="127.0.0.1",
        database_url="",
        broker_url="",
        openai_api_key="",
        openai_base_url=provider_url,
        openai_model="",
        public_url="",
    )


def _warm_up(bench: Bench) -> None:
    """What happens once in the life of a process belongs to no figure."""
    if not bench.stack.is_running:
        bench.stack.start()
    for workflow in ("ten", "three_effects", "model"):
        bench.start_runs(Phase("warm up"), workflow, bench.sizes.warm_up_runs)


def _take(bench: Bench, measurements: Iterable[Measurement], wanted: set[str]) -> None:
    for measurement in measurements:
        if measurement.names and not wanted & set(measurement.names):
            continue
        try:
            for _ in range(bench.sizes.repetitions):
                _keep(bench, measurement.take(bench))
        except CannotMeasure as problem:
            bench.missing.append(f"{', '.join(measurement.names)}: {problem}")
            bench.say(f"NOT MEASURED  {bench.missing[-1]}")


def _keep(bench: Bench, values: Values) -> None:
    for name, value in values.items():
        bench.taken.setdefault(name, []).append(value)
    bench.say("  ".join(f"{name} {value:.4g}" for name, value in values.items()))


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
