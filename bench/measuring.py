"""One whole benchmark: a server is made, everything that is wanted measured on it, the server taken away."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.bench import Bench, Measurement, Sizes, Values
from bench.figures import UNITS, Figure, figures
from bench.groups import Phase
from bench.machine import described
from bench.measurements import AT_REST, UNDER_LOAD
from bench.stack import CannotMeasure, Shape, Stack, free_port, own_home, provider
from config.env import Env


@dataclass(frozen=True)
class Result:
    """What a benchmark gave."""

    machine: dict[str, Any]
    figures: list[Figure]
    bench: Bench


def measure(env: Env, sizes: Sizes, shape: Shape, only: Iterable[str], say: Callable[[str], None]) -> Result:
    """Measure what `only` names, everything where it names nothing, on a server made for it. Raises CannotMeasure."""
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
