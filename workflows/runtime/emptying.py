"""Taking the contents of runs away: what went in, was asked, answered, made and written down on the way.

What stays is that each ran, when, by whom, by which version, at what cost, and who decided what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.files.storage import default_storage

from audit import sql
from departments import notices
from workflows.models import StoredFile
from workflows.runtime import files, outputs

ERASED: Final = "Erased."
"""Instead of a question, or of what went wrong: their code and place stay."""
DAY_MS: Final = 86_400_000
OF_A_STEP: Final = (
    *("arms", "round", "catches", "tolerated", "rehearsed", "items", "keep_going", "concurrency"),
    *("tries_before", "postponed", "by_machine"),
)
OF_A_CALL: Final = (
    *("kind", "provider", "model_asked", "model_answered", "instead_of", "prompt_sha256", "finish_reason"),
    *("tokens_in", "tokens_out", "tokens_cached", "estimated", "priced", "cost_usd", "latency_s", "first_byte_s"),
    *("method", "status", "bytes", "error"),
)
OF_AN_ANSWER: Final = ("decision", "by")


@dataclass(frozen=True, slots=True)
class Left:
    """Bytes that lie in the storage of files, to be taken away once the transaction stands."""

    files: list[tuple[UUID, str]]
    outputs: list[str]

    def take_away(self) -> None:
        for department_id, sha256 in self.files:
            files.forget(department_id, sha256)
        for sha256 in self.outputs:
            default_storage.delete(outputs.name_of(sha256))


def empty(runs: Sequence[UUID]) -> Left:
    """Of these runs, which are over, and of all that ran inside them. Inside a transaction."""
    family = [id for (id,) in sql.rows(_FAMILY, [list(runs)])]
    notices.withdraw([id for (id,) in sql.rows(_TASKS, [family])])
    left = Left(_files(family), [sha256 for (sha256,) in sql.rows(_LARGE, [family, family])])
    for statement, *values in _STATEMENTS:
        sql.execute(statement, [*values, family])
    return left


def empty_tables(tables: Sequence[UUID]) -> Left:
    """Of these tables that were handed in, whose runs are all empty. Inside a transaction."""
    ids = list(tables)
    asked = [id for (id,) in sql.rows(_OF_TABLES, [ids])]
    sql.execute("UPDATE workflows_seriesrow SET values = '{}', said = '' WHERE series_id = ANY(%s)", [ids])
    sql.execute("UPDATE workflows_series SET title = %s, file_id = NULL WHERE id = ANY(%s)", [ERASED, ids])
    return Left(_unused(asked, []), [])


def _files(family: list[UUID]) -> list[tuple[UUID, str]]:
    """What the runs made or were given, unless another run, a table or a sample has it too."""
    return _unused([id for (id,) in sql.rows(_FILES, [family, family])], family)


def _unused(asked: list[UUID], family: list[UUID]) -> list[tuple[UUID, str]]:
    """Those of the files that nothing else has; their rows go."""
    if not asked:
        return []
    kept = {name for (name,) in sql.rows(_USED, [_a_day_before(min(asked)), family, family, asked])}
    gone = [id for id in asked if str(id) not in kept]
    rows = StoredFile.objects.filter(pk__in=gone)
    found = list(rows.values_list("department_id", "sha256").distinct())
    rows.delete()
    return found


def _a_day_before(id: UUID) -> UUID:
    """No UUIDv7 that a host made later is smaller, however much its clock is behind."""
    return UUID(int=max(0, (id.int >> 80) - DAY_MS) << 80)


def _kept(column: str, *, is_list: bool = False) -> str:
    """Of an object, or of each in a list, the names that are given."""
    whole = "coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each({}) WHERE key = ANY(%s)), '{{}}')"
    if not is_list:
        return whole.format(column)
    return f"coalesce((SELECT jsonb_agg({whole.format('one')}) FROM jsonb_array_elements({column}) AS one), '[]')"


_ERROR = (
    f"""error = CASE WHEN jsonb_exists(error, 'message') THEN error || '{{"message": "{ERASED}"}}' ELSE error END"""
)
_STEPS = "SELECT id FROM workflows_steprun WHERE run_id = ANY(%s)"
_TASKS = "SELECT id FROM workflows_task WHERE run_id = ANY(%s)"

_FAMILY = """
WITH RECURSIVE family AS (
    SELECT id FROM workflows_run WHERE id = ANY(%s)
    UNION ALL SELECT child.id FROM workflows_run AS child JOIN family ON child.parent_id = family.id
) SELECT id FROM family
"""

# Those of older releases may be shared.
_LARGE = """
SELECT DISTINCT output_sha256 FROM workflows_steprun AS step
WHERE run_id = ANY(%s) AND output_sha256 <> '' AND NOT EXISTS (
    SELECT 1 FROM workflows_steprun AS other
    WHERE other.output_sha256 = step.output_sha256 AND other.output_sha256 <> '' AND other.run_id <> ALL(%s)
) AND NOT EXISTS (
    SELECT 1 FROM workflows_sample AS sample
    WHERE sample.output_sha256 = step.output_sha256 AND sample.output_sha256 <> ''
)
"""

_REFERENCES = (
    """jsonb_path_query({}::jsonb, 'strict $.** ? (exists(@.file) && exists(@.sha256))', silent => true) AS place"""
)

_OF_TABLES = "SELECT file_id FROM workflows_series WHERE id = ANY(%s) AND file_id IS NOT NULL"

# What they made themselves, and what was brought for them: never what another run made.
_FILES = f"""
SELECT id FROM workflows_storedfile WHERE run_id = ANY(%s)
UNION SELECT file.id FROM workflows_run AS run, {_REFERENCES.format("run.inputs")}
    JOIN workflows_storedfile AS file ON file.id::text = place ->> 'file' AND file.sha256 = place ->> 'sha256'
WHERE run.id = ANY(%s) AND run.department_id = file.department_id AND file.run_id IS NULL
"""

# Ids rise with time, as far as the clocks of hosts agree: whoever refers to a file is younger than the file.
_USED = f"""
SELECT place ->> 'file' FROM workflows_run AS other, {_REFERENCES.format("other.inputs")}
WHERE other.id > %s AND other.erased_at IS NULL AND other.id <> ALL(%s) AND other.inputs::text LIKE '%%"file"%%'
UNION SELECT place ->> 'file' FROM workflows_workflow AS one, {_REFERENCES.format("one.sample")}
UNION SELECT place ->> 'file' FROM workflows_workflow AS one, {_REFERENCES.format("one.draft")}
UNION SELECT place ->> 'file' FROM workflows_version AS one, {_REFERENCES.format("one.definition")}
UNION SELECT place ->> 'file' FROM workflows_savedstepversion AS one, {_REFERENCES.format("one.content")}
UNION SELECT place ->> 'file' FROM workflows_sample AS one, {_REFERENCES.format("one.output")}
UNION SELECT place ->> 'file' FROM workflows_trigger AS one, {_REFERENCES.format("one.inputs")}
UNION SELECT place ->> 'file' FROM workflows_triggerevent AS one, {_REFERENCES.format("one.data")}
WHERE one.run_id IS NULL OR one.run_id <> ALL(%s)
UNION SELECT file_id::text FROM workflows_series WHERE file_id = ANY(%s)
"""

_STATEMENTS: tuple[tuple[Any, ...], ...] = (
    (
        f"""UPDATE workflows_run SET title = '', inputs = '{{}}', scope = '{{}}', output = NULL, {_ERROR},
            erased_at = clock_timestamp() WHERE id = ANY(%s)""",
    ),
    (
        f"""UPDATE workflows_steprun SET output = NULL, output_sha256 = '', signal = NULL, summary = '', {_ERROR},
            inside = {_kept("inside")} WHERE run_id = ANY(%s)""",
        list(OF_A_STEP),
    ),
    (
        f"""UPDATE workflows_attempt SET given = NULL, {_ERROR}, calls = {_kept("calls", is_list=True)}
            WHERE step_id IN ({_STEPS})""",
        list(OF_A_CALL),
    ),
    ("UPDATE workflows_journalentry SET detail = '{}' WHERE run_id = ANY(%s)",),
    (
        f"""UPDATE workflows_task SET question = '{ERASED}', draft = '', text = '', shown = '{{}}', options = '[]',
            form = NULL, known = '{{}}', why = NULL, leaving = NULL, at_end = '{{}}',
            answer = CASE WHEN answer IS NULL THEN NULL ELSE {_kept("answer")} END WHERE run_id = ANY(%s)""",
        list(OF_AN_ANSWER),
    ),
    (
        f"UPDATE workflows_decision SET reason = '', answer = {_kept('answer')} WHERE task_id IN ({_TASKS})",
        list(OF_AN_ANSWER),
    ),
    (f"UPDATE workflows_assignee SET reason = '' WHERE task_id IN ({_TASKS})",),
    (
        f"""UPDATE departments_notice SET subject = kind, text = '', html = '', digest_line = ''
            WHERE about IN ({_TASKS})""",
    ),
    (f"DELETE FROM workflows_awaited WHERE step_id IN ({_STEPS})",),
    ("UPDATE workflows_seriesrow SET values = '{}', said = '' WHERE run_id = ANY(%s)",),
    ("UPDATE workflows_triggerevent SET title = '', data = '{}', said = '', reference = '' WHERE run_id = ANY(%s)",),
    (
        """UPDATE workflows_deliverytry SET answer = '', problem = '' WHERE delivery_id IN (
            SELECT id FROM workflows_delivery WHERE run_id = ANY(%s))""",
    ),
    ("UPDATE connectors_modelcall SET error = '' WHERE run_id = ANY(%s)",),
    ("UPDATE workflows_delivery SET data = data - 'title' - 'error' WHERE run_id = ANY(%s)",),
)
