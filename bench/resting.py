"""What Tandem costs before anybody asks for anything: the second start, and memory at rest."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from bench.bench import Bench, Values
from bench.groups import Group
from bench.stack import OWN, CannotMeasure, Stack
from config.env import ROOT

READY = "Tandem runs at"
PATIENCE_S = 120
RESTS_BELOW_S = 0.1
"""CPU seconds in a second; starting takes a whole core, sweeping hardly any of one."""


def start_up(bench: Bench) -> Values:
    """`manage.py up` on data that is there, until it names its address; how long the first run then takes is noted."""
    stack = bench.stack
    stack.close()
    said = stack.env.home / "log" / "up.txt"
    with said.open("w") as file:
        began = time.monotonic()
        up = _up(stack, file)
        try:
            _await_ready(up, said)
            took_s = time.monotonic() - began
            _first_run(bench, began)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(30)
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


def _up(stack: Stack, file: IO[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=stack.environment(), stdout=file, stderr=subprocess.STDOUT
    )


def _await_ready(up: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while READY not in said.read_text():
        if up.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasure(f"`up` did not become ready:\n{said.read_text()}")
        time.sleep(0.01)


def _first_run(bench: Bench, began: float) -> None:
    job = {"do": "visible", "targets": [bench.stack.target("three")], "inputs": {"topic": "one"}, "pause_s": 0}
    bench.stack.ask({**job, "count": 1})
    stages = re.findall(r"([\d.]+) s  (.+)\.", (bench.stack.env.home / "log" / "up.txt").read_text())
    told = ", ".join(f"{what} {seconds} s" for seconds, what in stages)
    bench.notes["start_up_s"] = f"the first run had succeeded after {time.monotonic() - began:.1f} s ({told})"
