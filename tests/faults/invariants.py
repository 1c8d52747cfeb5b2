"""What must hold over the whole database, whatever struck: I1 to I12 of trust-tests.md.

I9 (budgets) comes with the budgets themselves (issue 8). I7 is what of the ledger can be asked in any state: that the
triggers which refuse every change are on, that its numbers have no gaps and agree with the counters, that each entry
waits for its seal or has one; tests/audit verifies whole ledgers. I4 and I10 are seen by `witness`, as they happen.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.db import connection

from tests.faults import pace
from tests.faults.sink import Sink

Fetch = Callable[[str, Sequence[Any]], list[Any]]
"""A statement and its values → rows. Without values a percent sign in the statement is only a percent sign."""


def check_invariants(
    sink: Sink | None = None,
    min_succeeded: int = 0,
    *,
    lease: timedelta = pace.LEASE,
    canaries: Iterable[str] = (),
    written: Mapping[str, bytes] | None = None,
    fetch: Fetch | None = None,
) -> list[str]:
    """Every violation as a sentence that names the row; empty when all is well.

    `canaries` are secrets that may stand nowhere in the database nor in `written` (name → content: logs, messages of
    the broker). `fetch` reads another database than the test's own.
    """
    fetch = fetch or _of_the_test
    found = [row[0] for statement in STATEMENTS for row in fetch(statement, ())]
    found += [row[0] for row in fetch(_LEASES, (lease.total_seconds(),))]
    found += _seen_by_the_witness(fetch)
    found += _ledger_is_guarded(fetch)
    found += _leaks(canaries, written or {}, fetch)
    found += _doubled(sink) if sink else []
    succeeded = fetch("SELECT count(*) FROM workflows_run WHERE status = 'succeeded'", ())[0][0]
    if succeeded < min_succeeded:
        found.append(f"I12 only {succeeded} runs succeeded, at least {min_succeeded} should have: nothing was proved")
    return found


def _of_the_test(statement: str, values: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        rows: list[Any] = cursor.fetchall()
        return rows


def _seen_by_the_witness(fetch: Fetch) -> list[str]:
    if fetch("SELECT to_regclass('faults_witness')::text", ())[0][0] is None:
        return []
    return [row[0] for row in fetch("SELECT saw FROM faults_witness ORDER BY id LIMIT 100", ())]


def _ledger_is_guarded(fetch: Fetch) -> list[str]:
    rows = fetch("SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgrelid = 'audit_entry'::regclass", ())
    states = dict(rows)
    return [
        f"I7 the trigger {name} of the ledger is {states.get(name, 'gone')!r}, not 'A' (always)"
        for name in ("ledger_keeps_rows", "ledger_keeps_table")
        if states.get(name) != "A"
    ]


def _doubled(sink: Sink) -> list[str]:
    """I5. A repetition of an honoured key counts as none; reads may happen as often as they like."""
    counted = {effect: sink.effects(effect=effect) for effect in ("unsafe", "checkable", "keyed")}
    return [
        f"I5 the {effect} effect {key} happened {times} times"
        for effect, keys in counted.items()
        for key, times in keys.items()
        if times > 1
    ]


def _leaks(canaries: Iterable[str], written: Mapping[str, bytes], fetch: Fetch) -> list[str]:
    forms = {form: canary for canary in canaries for form in _forms(canary)}
    if not forms:
        return []
    found = [
        f"I8 the secret {forms[form][:12]}… stands in {name}"
        for name, content in written.items()
        for form in forms
        if form.encode() in content
    ]
    patterns = [f"%{form.replace('%', chr(92) + '%').replace('_', chr(92) + '_')}%" for form in forms]
    for (table,) in fetch("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", ()):
        rows = fetch(f'SELECT left(row::text, 80) FROM "{table}" AS row WHERE row::text LIKE ANY(%s)', (patterns,))
        found += [f"I8 a secret stands in {table}: {row[0]}…" for row in rows]
    return found


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield secret.encode().hex()
    if quote(secret) != secret:
        yield quote(secret)


_OVER = "('succeeded', 'failed', 'cancelled')"

_STUCK = f"""
SELECT format('I1 run %s (%s) is %s, and nothing will ever move it', run.id, run.title, run.status)
FROM workflows_run AS run
WHERE run.status NOT IN {_OVER}
  AND NOT (run.status = 'queued' AND NOT run.held)
  AND NOT (run.held AND EXISTS (
      SELECT 1 FROM workflows_run AS sibling WHERE sibling.parent_step_id = run.parent_step_id
          AND NOT sibling.held AND sibling.status NOT IN {_OVER}))
  AND NOT EXISTS (
      SELECT 1 FROM workflows_steprun AS step WHERE step.run_id = run.id AND (
          step.status IN ('ready', 'parked')
          OR (step.status = 'running' AND step.lease_until IS NOT NULL AND step.claim_token IS NOT NULL)
          OR (step.status = 'waiting' AND (step.wake_at IS NOT NULL OR step.waits_for = 'children' OR EXISTS (
              SELECT 1 FROM workflows_task AS task WHERE task.step_id = step.id AND task.status = 'open')))))
"""

_LEFT_BEHIND = f"""
SELECT format('I1 run %s is %s, but its step %s is still %s', run.id, run.status, step.path, step.status)
FROM workflows_steprun AS step JOIN workflows_run AS run ON run.id = step.run_id
WHERE run.status IN {_OVER} AND step.status IN ('ready', 'running', 'waiting', 'parked')
UNION ALL
SELECT format('I1 run %s is %s, but its question %s is still open', run.id, run.status, task.id)
FROM workflows_task AS task JOIN workflows_run AS run ON run.id = task.run_id
WHERE run.status IN {_OVER} AND task.status = 'open'
UNION ALL
SELECT format('I1 run %s is over, but run %s inside it is %s', parent.id, child.id, child.status)
FROM workflows_run AS child JOIN workflows_run AS parent ON parent.id = child.parent_id
WHERE parent.status IN {_OVER} AND child.status NOT IN {_OVER}
"""

_TWICE = """
SELECT format('I2 step %s of run %s came to its end %s times', path, run_id, count(*))
FROM workflows_journalentry WHERE event IN ('step.succeeded', 'step.skipped', 'step.stopped')
GROUP BY run_id, path HAVING count(*) > 1
UNION ALL
SELECT format('I2 step %s of run %s counts %s attempts and has written %s', step.path, step.run_id, step.attempts,
    count(*))
FROM workflows_steprun AS step JOIN workflows_attempt AS attempt ON attempt.step_id = step.id
GROUP BY step.id HAVING count(*) <> step.attempts
"""

_GAPS = """
SELECT format('I3 run %s is at %s, but its journal has %s entries up to %s', run.id, run.seq, count(entry.id),
    max(entry.seq))
FROM workflows_run AS run LEFT JOIN workflows_journalentry AS entry ON entry.run_id = run.id
GROUP BY run.id HAVING run.seq <> count(entry.id) OR count(entry.id) <> coalesce(max(entry.seq), 0)
"""

_STEPS_UNTOLD = """
SELECT format('I6 step %s of run %s is %s, and its journal says so %s times', step.path, step.run_id, step.status,
    count(entry.id))
FROM workflows_steprun AS step LEFT JOIN workflows_journalentry AS entry
    ON entry.run_id = step.run_id AND entry.path = step.path AND entry.event = ANY(CASE step.status
        WHEN 'succeeded' THEN ARRAY['step.succeeded', 'step.stopped'] WHEN 'skipped' THEN ARRAY['step.skipped']
        WHEN 'failed' THEN ARRAY['step.failed', 'step.stopped'] ELSE ARRAY['step.parked'] END)
WHERE step.status IN ('succeeded', 'skipped', 'failed', 'parked')
GROUP BY step.id HAVING count(entry.id) = 0 OR (step.status IN ('succeeded', 'skipped') AND count(entry.id) > 1)
"""

# An item that never began may end without a word, and a run that is too old is cancelled before it fails.
_RUNS_UNTOLD = f"""
SELECT format('I6 run %s is %s, but the last word of its journal is %s', run.id, run.status, last.event)
FROM workflows_run AS run LEFT JOIN LATERAL (
    SELECT event FROM workflows_journalentry AS entry WHERE entry.run_id = run.id AND entry.event LIKE 'run.%'
    ORDER BY entry.seq DESC LIMIT 1) AS last ON true
WHERE run.status IN {_OVER} AND run.seq > 0 AND last.event IS DISTINCT FROM 'run.' || run.status
    AND run.error ->> 'code' IS DISTINCT FROM 'expired'
"""

_DEEDS_UNTOLD = """
SELECT format('I6 run %s was accepted, and the ledger says so %s times', entry.run_id, count(deed.id))
FROM workflows_journalentry AS entry
LEFT JOIN audit_entry AS deed ON deed.run_id = entry.run_id AND deed.verb IN ('run.started', 'run.tested')
WHERE entry.event = 'run.accepted' GROUP BY entry.run_id HAVING count(deed.id) <> 1
UNION ALL
SELECT format('I6 the ledger knows run %s, which does not exist', deed.run_id)
FROM audit_entry AS deed LEFT JOIN workflows_run AS run ON run.id = deed.run_id
WHERE deed.verb IN ('run.started', 'run.tested') AND run.id IS NULL
UNION ALL
SELECT format('I6 task %s was decided by %s voices, and the ledger says so %s times', task.id, voices.heard, deeds.told)
FROM workflows_task AS task
CROSS JOIN LATERAL (
    SELECT count(*) AS heard FROM workflows_decision AS said WHERE said.task_id = task.id AND said.via <> 'time'
) AS voices
CROSS JOIN LATERAL (
    SELECT count(*) AS told FROM audit_entry AS deed WHERE deed.object_id = task.id::text AND deed.verb = 'task.decided'
) AS deeds
WHERE voices.heard <> deeds.told OR (task.status = 'decided' AND deeds.told = 0)
UNION ALL
SELECT format('I6 run %s was cancelled by somebody, and the ledger says so %s times', run.id, count(deed.id))
FROM workflows_run AS run LEFT JOIN audit_entry AS deed ON deed.run_id = run.id AND deed.verb = 'run.cancelled'
WHERE run.cancel_asked_at IS NOT NULL GROUP BY run.id HAVING count(deed.id) <> 1
"""

_LEASES = """
SELECT format('I11 step %%s of run %%s is leased until %%s, longer than a lease', path, run_id, lease_until)
FROM workflows_steprun
WHERE status = 'running' AND lease_until > clock_timestamp() + make_interval(secs => %s)
"""

_NUMBERS = """
SELECT format('I7 of %s the ledger has %s entries, numbered up to %s, and %s were counted', scope, count(*), max(seq),
    min(counter.last))
FROM (SELECT coalesce(run_id::text, department) AS scope, seq, run_id FROM audit_entry) AS entry
LEFT JOIN audit_counter AS counter USING (scope)
GROUP BY scope, run_id HAVING count(*) <> max(seq) OR max(seq) <> coalesce(min(counter.last), 1)
"""

_SEALED_OR_NOT = """
SELECT format('I7 entry %s (%s) is in no batch and waits for none', id, verb) FROM audit_entry
WHERE id NOT IN (SELECT entry_id FROM audit_unsealed UNION ALL SELECT unnest(entries) FROM audit_batch)
"""

STATEMENTS = (_NUMBERS, _SEALED_OR_NOT, _STUCK, _LEFT_BEHIND, _TWICE, _GAPS, _STEPS_UNTOLD, _RUNS_UNTOLD, _DEEDS_UNTOLD)
