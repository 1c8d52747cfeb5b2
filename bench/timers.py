"""A storm of timers: very many are due in the same second, while people go on starting runs (case C07)."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from bench.bench import Bench, Values
from bench.figures import percentile
from bench.groups import Phase
from bench.stack import CannotMeasure

PATIENCE_S = 900
BATCH = 10
"""New runs that are started, one after the other, between two looks whether all timers are through."""


def due_at_once(bench: Bench) -> Values:
    """Until the last of so many runs that slept has succeeded; beside it how long a new run takes meanwhile."""
    count = bench.sizes.timers
    bench.stack.ask({"do": "start", "targets": [bench.stack.target("nap")], "count": 1, "connections": 1, **NEWS})
    _until_one_sleeps(bench)
    bench.stack.told("bench.crowd", "timers", count - 1)
    with bench.phase("timers of the same second", count) as phase:
        _query(bench, _ALL_DUE)
        due = float(_query(bench, _DUE_AT)[0])
        took = _new_runs(bench, phase)
    done, ended, last = _query(bench, _ENDED)
    if (done, ended) != (count, count):
        raise CannotMeasure(f"Of {count} timers {done} have fired, and {ended} runs have succeeded.")
    bench.notes["timers_100000_s"] = (
        f"{count:,} runs slept to the same moment; {len(took)} new ones meanwhile, p50 {percentile(took, 50):.2f} s, "
        f"the slowest {max(took):.2f} s"
    )
    return {"timers_100000_s": float(last) - due, "timers_new_run_p95_s": percentile(took, 95)}


def _new_runs(bench: Bench, phase: Phase) -> list[float]:
    """One after the other until all timers are through; seconds from start to seen."""
    job = {"do": "visible", "targets": [bench.stack.target("three")], "pause_s": 0.02, "count": BATCH, **NEWS}
    began, took = time.monotonic(), []
    while left := _query(bench, _SLEEP)[0]:
        new = bench.stack.ask(job)
        phase.cpu_s["load"] = phase.cpu_s.get("load", 0.0) + new["cpu_s"]
        took += new["took_s"]
        if time.monotonic() - began > PATIENCE_S:
            raise CannotMeasure(f"{left} timers were not through after {PATIENCE_S} s.")
    return took


def _until_one_sleeps(bench: Bench) -> None:
    began = time.monotonic()
    while _query(bench, _SLEEP)[0] != 1:
        if time.monotonic() - began > PATIENCE_S:
            raise CannotMeasure(f"No run slept within {PATIENCE_S} s.")
        time.sleep(0.1)


def _query(bench: Bench, statement: str) -> tuple[Any, ...]:
    with psycopg.connect(bench.stack.database_url) as connection:
        return connection.execute(statement).fetchone() or (0,)


NEWS = {"inputs": {"topic": "the spring campaign"}}

_NAPS = "FROM workflows_run AS run JOIN workflows_steprun AS step ON step.run_id = run.id WHERE step.path = 'nap'"
_SLEEP = f"SELECT count(*) {_NAPS} AND run.status NOT IN ('succeeded', 'failed', 'cancelled')"
_ALL_DUE = """
WITH due AS (
    UPDATE workflows_steprun SET wake_at = now() + interval '10 seconds'
    WHERE path = 'nap' AND status = 'waiting' RETURNING 1
)
SELECT count(*) FROM due
"""
# Not before they were all there to be seen.
_DUE_AT = "SELECT extract(epoch FROM greatest(clock_timestamp(), max(wake_at))) FROM workflows_steprun"
_ENDED = f"""
SELECT count(*) FILTER (WHERE step.status = 'succeeded'), count(*) FILTER (WHERE run.status = 'succeeded'),
    extract(epoch FROM max(run.finished_at)) {_NAPS}
"""
