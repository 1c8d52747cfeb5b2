"""A long history and a great many waits cost the engine nothing: its statements use their indexes (D11, L06)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from tests import factories
from tests.faults.crowd import scaled
from tests.faults.scans import reading
from tests.steps import probes
from tests.workflows.runtime.harness import HERE, carried, published, run_of, silent_broker
from workflows.models import Run, StepRun, Version
from workflows.runtime import sweeping, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
FINISHED = scaled(50_000)
WAITING = scaled(10_000)
BIG = ("workflows_steprun", "workflows_run", "workflows_journalentry")


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def history(version: Version, runs: int, status: str, step: str) -> None:
    """Runs of five steps each, and the journal that belongs to them, without going through the engine.

    `step` gives status, wake_at, waits_for and finished_at of each step.
    """
    workflow = version.workflow
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_RUNS, [workflow.department_id, workflow.pk, version.pk, status, status, runs])
        cursor.execute(_STEPS.format(step=step))
        cursor.execute(_JOURNAL)
        for table in BIG:
            cursor.execute(f"ANALYZE {table}")
        cursor.execute("RESET statement_timeout")


_RUNS = """
INSERT INTO workflows_run (id, department_id, workflow_id, version_id, status, mode, priority, title, inputs, scope,
    body, depth, held, seq, started_by, starter_kind, starter_id, cost_usd, tokens, expires_at, finished_at)
SELECT uuidv7(), %s, %s, %s, %s, 'live', 2, 'history', '{}', '{}', '', 0, false, 7, '', '', '', 0, 0,
    now() + interval '80 days', CASE WHEN %s = 'waiting' THEN NULL ELSE now() END FROM generate_series(1, %s)
"""

_STEPS = """
INSERT INTO workflows_steprun (id, run_id, department_id, path, step_id, kind, priority, position, claims, attempts,
    inside, output_sha256, summary, made_by, cost_usd, tokens, status, wake_at, waits_for, finished_at, signal, error)
SELECT uuidv7(), run.id, run.department_id, 's' || n, 's' || n, 'probe.keyed', 2, n, 0, 0, '{{}}', '', '', '', 0, 0,
    {step}, NULL, NULL
FROM workflows_run AS run, generate_series(1, 5) AS n WHERE run.title = 'history'
"""

_JOURNAL = """
INSERT INTO workflows_journalentry (run_id, seq, event, path, detail)
SELECT run.id, n, CASE n WHEN 1 THEN 'run.began' WHEN 7 THEN 'run.' || run.status ELSE 'step.succeeded' END,
    CASE WHEN n BETWEEN 2 AND 6 THEN 's' || (n - 1) ELSE '' END, '{}'
FROM workflows_run AS run, generate_series(1, 7) AS n WHERE run.title = 'history'
"""

_DONE = "'succeeded', NULL::timestamptz, '', now()"
_ASLEEP = (
    "CASE WHEN n < 5 THEN 'succeeded' ELSE 'waiting' END,"
    " CASE WHEN n = 5 AND position('0' in right(run.id::text, 1)) = 0 THEN now() + interval '30 days' END,"
    " CASE WHEN n = 5 THEN 'time' ELSE '' END, CASE WHEN n < 5 THEN now() END"
)


def test_d11_behind_a_long_history_every_statement_of_the_engine_uses_an_index() -> None:
    """Start, claim, settle, end, and each part of the sweep, as they are sent; 1 M finished steps with FAULT_N=20."""
    done = factories.make_version()
    history(done, FINISHED // 5, "succeeded", _DONE)
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 0}}
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": [1, 2], "concurrency": 1},
        "steps": [{"id": "item", "kind": "probe.keyed"}],
    }
    workflow = published([nap, {"id": "a", "kind": "probe.unsafe"}, each])
    claims = []

    with reading(BIG) as read:
        runs = [run_of(workflow) for _ in range(20)]
        for run in runs:
            claims.append(claimed_in(run))
        for run in runs:
            carried(run)

    assert {run.status for run in runs} == {"succeeded"}
    assert read.scans == {}
    assert all(rows < FINISHED / 5 for rows in read.rows.values()), read.rows
    p95 = statistics.quantiles(claims, n=20)[-1]
    print(f"D11: claim and settle behind {FINISHED:,} finished steps: p95 {p95 * 1000:.1f} ms")


def claimed_in(run: Run) -> float:
    """Seconds from the look at a ready step until its worker has done all that follows."""
    with silent_broker():
        worker.look("run", run.pk)
        sweeping.wake_sleepers()
        step = run.steps.get(step_id="nap")
        began = time.perf_counter()
        worker.look("step", step.pk)
    return time.perf_counter() - began


def test_l06_a_great_many_waiting_runs_cost_a_sweep_nothing() -> None:
    """Half of them wait for a time, half for a person; 100,000 with FAULT_N=10."""
    version = factories.make_version()
    history(version, WAITING, "waiting", _ASLEEP)
    ask_them(WAITING)

    took = []
    with reading((*BIG, "workflows_task")) as read, silent_broker():
        for _ in range(10):
            began = time.perf_counter()
            assert sweeping.sweep(HERE) == 0
            took.append(time.perf_counter() - began)

    assert StepRun.objects.filter(status="waiting").count() == WAITING
    assert read.scans == {}
    assert sum(read.rows.values()) < WAITING / 10, read.rows
    print(f"L06: one sweep over {WAITING:,} waiting runs: median {statistics.median(took) * 1000:.1f} ms")
    assert statistics.median(took) < 2, "ten times what a quiet machine is allowed"


def ask_them(count: int) -> None:
    """Whoever sleeps without a time waits for a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_task (id, department_id, run_id, step_id, kind, status, question, draft, shown,"
            " role, not_the_starter, decided_by_label) SELECT uuidv7(), department_id, run_id, id, 'approve', 'open',"
            " 'May it?', '', '{}', 'approver', false, '' FROM workflows_steprun"
            " WHERE status = 'waiting' AND wake_at IS NULL"
        )
        cursor.execute("UPDATE workflows_steprun SET waits_for = 'person' WHERE status = 'waiting' AND wake_at IS NULL")
        cursor.execute("ANALYZE workflows_steprun")
        cursor.execute("ANALYZE workflows_task")
