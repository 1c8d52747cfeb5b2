"""What people cost: a thousand of them deciding within ten seconds, and a hundred thousand runs that wait for them."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from bench.bench import Bench, Values
from bench.crowd import CSRF
from bench.figures import percentile
from bench.stack import CannotMeasure

PATIENCE_S = 60


def decisions(bench: Bench) -> Values:
    """Each of so many approvers decides one task on its page, evenly over the time; each run then ends (case L05)."""
    count = bench.sizes.people
    _started(bench, count)
    _until_told(bench)
    cookies = bench.stack.told("bench.crowd", "people", count)
    paths = [f"/tasks/{task}/decide/" for task in _open_tasks(bench)]
    job = {"do": "decisions", "paths": paths, "cookies": cookies, "csrf": CSRF, "over_s": bench.sizes.deciding_s}
    with bench.phase("decisions", count) as phase:
        got = bench.stack.ask(job)
        phase.cpu_s["load"] = got["cpu_s"]
    ended_s = _until_ended(bench) + time.monotonic() - got["ended"]
    doubled = _query(bench, _DOUBLED)[0]
    if doubled:
        raise CannotMeasure(f"{doubled} of {count} tasks were decided more than once.")
    took = [each * 1000 for each in got["took_s"]]
    bench.notes["decide_1000_p95_ms"] = (
        f"{count} people in {bench.sizes.deciding_s:g} s, p50 {percentile(took, 50):.0f} ms, "
        f"p99 {percentile(took, 99):.0f} ms; none decided twice; "
        f"the last run was at its end {ended_s:.1f} s after the last decision"
    )
    return {"decide_1000_p95_ms": percentile(took, 95)}


def waiting(bench: Bench) -> Values:
    """What the scheduler and the database do while very many runs wait for people (case L06)."""
    _started(bench, 1)
    _until_told(bench)
    waits = bench.stack.told("bench.crowd", "waiting", bench.sizes.waiting)
    groups = bench.stack.groups()
    time.sleep(bench.sizes.rest_s)
    names = ("scheduler", "postgres", "worker")
    before, began = {name: groups[name].cpu_s() for name in names}, time.monotonic()
    time.sleep(3 * bench.sizes.rest_s)
    passed = time.monotonic() - began
    used = {name: 100 * (groups[name].cpu_s() - before[name]) / passed for name in names}
    bench.notes["waiting_100000_cpu_percent"] = f"{waits} runs wait: " + ", ".join(
        f"{name} {percent:.1f} %" for name, percent in used.items()
    )
    _query(bench, _NO_LONGER)
    return {"waiting_100000_cpu_percent": sum(used.values())}


def _started(bench: Bench, count: int) -> None:
    """Runs that wait for an approver."""
    job = {"do": "start", "targets": [bench.stack.target("asks")], "count": count, "connections": 8}
    bench.stack.ask({**job, "inputs": {"topic": "the spring campaign"}})


def _open_tasks(bench: Bench) -> list[str]:
    with psycopg.connect(bench.stack.database_url) as connection:
        return [str(row[0]) for row in connection.execute("SELECT id FROM workflows_task WHERE status = 'open'")]


def _until_ended(bench: Bench) -> float:
    """Seconds until no run waits for a person any more."""
    began = time.monotonic()
    while _query(bench, _UNDER_WAY)[0]:
        if time.monotonic() - began > PATIENCE_S:
            raise CannotMeasure(f"Runs that had been decided were still under way after {PATIENCE_S} s.")
        time.sleep(0.1)
    return time.monotonic() - began


def _until_told(bench: Bench) -> None:
    """Until whoever is asked has been told: the copies are to wait, not to be told of as well."""
    began = time.monotonic()
    while _query(bench, _TO_BE_TOLD)[0]:
        if time.monotonic() - began > PATIENCE_S:
            raise CannotMeasure(f"The scheduler told nobody of a new task within {PATIENCE_S} s.")
        time.sleep(0.1)


def _query(bench: Bench, statement: str) -> tuple[Any, ...]:
    with psycopg.connect(bench.stack.database_url) as connection:
        return connection.execute(statement).fetchone() or (0,)


_UNDER_WAY = "SELECT count(*) FROM workflows_run WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
_TO_BE_TOLD = "SELECT count(*) FROM workflows_task WHERE status = 'open' AND next_at <= now()"
_NO_LONGER = """
WITH tasks AS (UPDATE workflows_task SET status = 'cancelled', next_at = NULL WHERE status = 'open'),
steps AS (UPDATE workflows_steprun SET status = 'cancelled' WHERE status = 'waiting'),
runs AS (UPDATE workflows_run SET status = 'cancelled' WHERE status = 'waiting' RETURNING 1)
SELECT count(*) FROM runs
"""
_DOUBLED = """
SELECT count(*) FROM (
    SELECT object_id FROM audit_entry WHERE verb = 'task.decided' GROUP BY object_id HAVING count(*) > 1
) AS twice
"""
