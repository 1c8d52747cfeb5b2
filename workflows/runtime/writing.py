"""What settlements decided, written in one statement: however many steps, attempts and journal entries there are.

One parameter holds all rows of a table as JSON (`sql.recordset`), so that the statement never changes its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from audit import services, sql
from audit.services import Deed
from workflows.models import Assignee, Run, StepRun, StepStatus, Task
from workflows.runtime import limits, listening, outputs, pinning, tasks
from workflows.runtime.journey import UNREAD, Step
from workflows.runtime.settling import Settlement

Record = dict[str, Any]


def write(settlements: list[Settlement]) -> None:
    """Write runs that exist: their new and changed steps, attempts, journal, and the runs themselves."""
    _number(settlements)
    _put_aside(settlements)
    sql.execute(
        _WRITE,
        [
            sql.recordset(_new_steps(settlements)),
            sql.recordset(_changed_steps(settlements)),
            [step.id for each in settlements for step in each.changed.values()],
            sql.recordset(_attempts(settlements)),
            sql.recordset(_entries(settlements)),
            sql.recordset(_run_changes(each) for each in settlements),
            [each.run.pk for each in settlements],
        ],
    )
    _write_tasks(settlements)
    _listen(settlements)
    pinning.pin(settlements)


def accept(settlement: Settlement, deed: Deed | None = None) -> None:
    """Write a new run with whatever it has come to already; `deed` is what the ledger has to say of it."""
    _number([settlement])
    values = [
        sql.recordset([_new_run(settlement.run)]),
        sql.recordset(_new_steps([settlement])),
        sql.recordset(_attempts([settlement])),
        sql.recordset(_entries([settlement])),
    ]
    if deed is None:
        sql.execute(_ACCEPT, values)
    else:
        sql.execute(_ACCEPT_WITH_DEED, [*values, *deed.values])
    _write_tasks([settlement])
    _listen([settlement])
    pinning.pin([settlement])


def add_runs(runs: Iterable[Run]) -> None:
    """Write new runs that wait for somebody to begin them; those that are there already stay as they are."""
    sql.execute(_ADD_RUNS, [sql.recordset(_new_run(run) for run in runs)])


def _number(settlements: list[Settlement]) -> None:
    for settlement in settlements:
        settlement.first_entry = settlement.run.seq + 1
        settlement.run.seq += len(settlement.entries)
        settlement.journey.seq = settlement.run.seq


def _put_aside(settlements: list[Settlement]) -> None:
    """Before the others, so that the new steps find their places free."""
    for step in (step for each in settlements for step in each.aside):
        StepRun.objects.filter(pk=step.id).update(path=step.path)


def _write_tasks(settlements: list[Settlement]) -> None:
    """What was asked, and what nobody needs to answer any more."""
    dropped = {id for each in settlements for id in each.dropped_while("person")}
    asked = [task for each in settlements for task in each.tasks if task.step_id not in dropped]
    if asked:
        Task.objects.bulk_create(asked)
        Assignee.objects.bulk_create(each for task in asked for each in tasks.assignees(task))
    if dropped:
        tasks.end_open(step_id__in=dropped)


def _listen(settlements: list[Settlement]) -> None:
    for step, trigger, reference in (each for settlement in settlements for each in settlement.listens):
        listening.listen(step, trigger, reference)


def _new_steps(settlements: list[Settlement]) -> Iterator[Record]:
    for settlement in settlements:
        run = settlement.run
        for step in settlement.new.values():
            yield {
                "run_id": run.pk,
                "department_id": run.department_id,
                "path": step.path,
                "step_id": step.step_id,
                "kind": step.kind,
                "priority": run.priority,
                "position": step.position,
                "created_at": settlement.now,
                **_state(step, settlement.now),
            }


def _changed_steps(settlements: list[Settlement]) -> Iterator[Record]:
    for settlement in settlements:
        for step in settlement.changed.values():
            yield _state(step, settlement.now)


def _state(step: Step, now: datetime) -> Record:
    """What changes about a step in the course of its life."""
    status = step.status
    has_output = step.output is not UNREAD and step.output is not None
    step.finished_at = None if step.is_live else now
    output, sha256 = outputs.put_away(step.output) if has_output else (None, "")
    return {
        "id": step.id,
        "made_by": step.made_by,
        "status": status,
        "claim_token": step.claim_token,
        "claims": step.claims,
        "attempts": step.attempts,
        "lease_until": now + limits.LEASE if status == StepStatus.RUNNING else None,
        "run_after": step.run_after or now,
        "wake_at": step.wake_at if status == StepStatus.WAITING else None,
        "waits_for": step.waits_for if status == StepStatus.WAITING else "",
        "handed_out_at": now if status == StepStatus.READY and step.run_after is None and step.is_told else None,
        "intent_at": step.intent_at,
        "inside": step.inside,
        "signal": step.signal,
        "has_output": has_output,
        "output": output,
        "output_sha256": sha256,
        "error": step.error,
        "summary": step.summary,
        "cost_usd": step.cost_usd,
        "tokens": step.tokens,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
    }


def _attempts(settlements: list[Settlement]) -> Iterator[Record]:
    for settlement in settlements:
        for step, attempted in settlement.attempts:
            error = attempted.error
            yield {
                "step_id": step.id,
                "number": step.attempts,
                "started_at": step.started_at or settlement.now,
                "finished_at": settlement.now,
                "error": {"code": error.code, "message": error.message} if error else None,
                "given": attempted.given,
                "calls": attempted.calls,
                "cost_usd": attempted.cost_usd,
                "tokens": attempted.tokens,
            }


def _entries(settlements: list[Settlement]) -> Iterator[Record]:
    for settlement in settlements:
        for seq, (event, path, detail) in enumerate(settlement.entries, start=settlement.first_entry):
            yield {
                "run_id": settlement.run.pk,
                "seq": seq,
                "at": settlement.now,
                "event": event,
                "path": path,
                "detail": detail,
            }


def _run_changes(settlement: Settlement) -> Record:
    run = settlement.run
    return {
        "id": run.pk,
        "status": run.status,
        "seq": run.seq,
        "output": run.output,
        "error": run.error,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "cost_usd": settlement.cost_usd,
        "tokens": settlement.tokens,
    }


def _new_run(run: Run) -> Record:
    return {name: getattr(run, name) for name in RUN_COLUMNS}


RUN_COLUMNS = (
    *("id", "department_id", "workflow_id", "version_id", "status", "mode", "priority", "title"),
    *("inputs", "output", "error", "parent_step_id", "parent_id", "item_index", "body", "scope", "depth", "held"),
    *("handed_out_at", "seq", "started_by", "starter_kind", "starter_id", "cost_usd", "tokens"),
    *("created_at", "started_at", "finished_at", "expires_at"),
)

_STATE = (
    *("made_by", "status", "claim_token", "claims", "attempts", "lease_until", "run_after", "wake_at"),
    *("waits_for", "handed_out_at", "intent_at", "inside", "signal", "error", "summary", "cost_usd", "tokens"),
    *("started_at", "finished_at"),
)
_STEP = (
    *("id", "run_id", "department_id", "path", "step_id", "kind", "priority", "position", "created_at"),
    *("output", "output_sha256", *_STATE),
)
_STATE_TYPES = """
id uuid, made_by text, status text, claim_token uuid, claims int, attempts int, lease_until timestamptz,
run_after timestamptz, wake_at timestamptz, waits_for text, handed_out_at timestamptz, intent_at timestamptz,
inside jsonb, signal jsonb, error jsonb, summary text, cost_usd numeric, tokens int, started_at timestamptz,
finished_at timestamptz, has_output boolean, output json, output_sha256 text
"""


def _insert(table: str, columns: Iterable[str]) -> str:
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, %s::json)"


_NEW_STEPS = _insert("workflows_steprun", _STEP)
_NEW_ATTEMPTS = _insert(
    "workflows_attempt",
    ("step_id", "number", "started_at", "finished_at", "error", "given", "calls", "cost_usd", "tokens"),
)
_NEW_ENTRIES = _insert("workflows_journalentry", ("run_id", "seq", "at", "event", "path", "detail"))
_NEW_RUNS = _insert("workflows_run", RUN_COLUMNS)

_ADD_RUNS = f"{_NEW_RUNS} ON CONFLICT DO NOTHING"

_ACCEPT = f"""
WITH new_run AS ({_NEW_RUNS}), new_steps AS ({_NEW_STEPS}), new_attempts AS ({_NEW_ATTEMPTS})
{_NEW_ENTRIES}
"""

# One way to the database less for every run.
_ACCEPT_WITH_DEED = f"""
WITH new_run AS ({_NEW_RUNS}), new_steps AS ({_NEW_STEPS}), new_attempts AS ({_NEW_ATTEMPTS}),
new_entries AS ({_NEW_ENTRIES}), entry AS ({services.ENTRY})
{services.QUEUE}
"""

# The ids are given twice: the planner takes a recordset for a hundred rows and would read the whole table.
_WRITE = f"""
WITH new_steps AS ({_NEW_STEPS}),
changed_steps AS (
    UPDATE workflows_steprun AS step SET ({", ".join(_STATE)}, output, output_sha256) = (
        {", ".join(f"now_is.{name}" for name in _STATE)},
        CASE WHEN now_is.has_output THEN now_is.output ELSE step.output END,
        CASE WHEN now_is.has_output THEN now_is.output_sha256 ELSE step.output_sha256 END
    )
    FROM json_to_recordset(%s::json) AS now_is ({_STATE_TYPES})
    WHERE step.id = now_is.id AND step.id = ANY(%s)
),
new_attempts AS ({_NEW_ATTEMPTS}),
new_entries AS ({_NEW_ENTRIES})
UPDATE workflows_run AS run SET
    status = now_is.status, seq = now_is.seq, output = now_is.output, error = now_is.error, held = false,
    started_at = now_is.started_at, finished_at = now_is.finished_at,
    cost_usd = run.cost_usd + now_is.cost_usd, tokens = run.tokens + now_is.tokens
FROM json_to_recordset(%s::json) AS now_is (
    id uuid, status text, seq int, output json, error jsonb, started_at timestamptz, finished_at timestamptz,
    cost_usd numeric, tokens int
)
WHERE run.id = now_is.id AND run.id = ANY(%s)
"""
