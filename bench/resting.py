"""What Tandem costs before anybody asks for anything: the second start, and memory at rest."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Mapping

from bench.bench import Bench, Values
from bench.groups import Group
from bench.stack import OWN, CannotMeasure, Stack
from config.env import ROOT
from config.processes import Process, Program

READY = "Tandem runs at"
PATIENCE_S = 120
RESTS_BELOW_S = 0.1
"""CPU seconds in a second; starting takes a whole core, sweeping hardly any of one."""


def start_up(bench: Bench) -> Values:
    """`manage.py up` on data that is there, until it names its address; how long the first run then takes is noted."""
    stack = bench.stack
    stack.close()
    program = _up(stack)
    up = Process(program)
    try:
        up.wait_until_ready()
        took_s = up.age_s
        _first_run(bench)
        bench.notes["start_up_s"] = f"the first run had succeeded after {up.age_s:.1f} s ({_stages(program)})"
    finally:
        up.stop()
    stack.start_parts()
    return {"start_up_s": took_s}


def idle(bench: Bench) -> Values:
    """Memory of web, workers and scheduler, `rest_s` after they have come to rest, before the first request."""
    stack = bench.stack
    stack.stop()
    stack.start()
    groups = stack.groups()
    _await_rest(groups)
    time.sleep(bench.sizes.rest_s)
    rss = {name: groups[name].rss_mib() for name in OWN}
    pss = sum(groups[name].pss_mib() or 0.0 for name in OWN)
    parts = ", ".join(f"{name} {mib:.0f}" for name, mib in rss.items())
    bench.notes["idle_rss_mib"] = f"{parts}; PSS {pss:.0f} MiB"
    return {"idle_rss_mib": sum(rss.values())}


def _await_rest(groups: Mapping[str, Group]) -> None:
    """Returns once they have hardly used a core for a second: worker and scheduler do not say when they stand."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        before = sum(groups[name].cpu_s() for name in OWN)
        time.sleep(1)
        if sum(groups[name].cpu_s() for name in OWN) - before < RESTS_BELOW_S:
            return
    raise CannotMeasure(f"Tandem did not come to rest within {PATIENCE_S} s of its start.")


def _up(stack: Stack) -> Program:
    said = stack.env.log / "up.txt"
    said.unlink(missing_ok=True)
    return Program(
        name="up",
        command=[sys.executable, "manage.py", "up"],
        log=said,
        cwd=ROOT,
        env=stack.environment(),
        is_ready=lambda: READY in said.read_text(),
        ready_within_s=PATIENCE_S,
        stop_signal=signal.SIGINT,
        stop_within_s=30,
        orphan_signal=signal.SIGINT,
    )


def _stages(up: Program) -> str:
    assert up.log is not None
    return ", ".join(f"{what} {seconds} s" for seconds, what in re.findall(r"([\d.]+) s  (.+)\.", up.log.read_text()))


def _first_run(bench: Bench) -> None:
    job = {"do": "visible", "targets": [bench.stack.target("three")], "inputs": {"topic": "one"}, "pause_s": 0}
    bench.stack.ask({**job, "count": 1})
