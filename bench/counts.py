"""What single runs ask of the database and the broker: commits, statements, messages."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import redis

from bench.bench import Bench, Values
from bench.groups import Phase
from bench.stack import Stack

PUSHES = ("lpush", "rpush", "xadd")
IDLE_COMMANDS = ("info", "brpop", "ping")
PREFIX = "%a|%p|"
LINE = re.compile(r"^(\w*)\|(\d+)\|LOG:  (?:statement|execute [^:]*): (.*)$")
OURS = ("web", "worker")
"""The scheduler's own sweeps belong to no run."""
LITERALS = (
    (re.compile(r"'(?:[^']|'')*'"), "?"),
    (re.compile(r"\b\d+(?:\.\d+)?\b"), "?"),
    (re.compile(r"\(\s*\?(?:::\w+)?(?:\s*,\s*(?:\?|NULL|DEFAULT|true|false)(?:::\w+)?)*\s*\)"), "(…)"),
    (re.compile(r"(?:\(…\),\s*)+\(…\)"), "(…)"),
    (re.compile(r"SELECT .{60,}? FROM "), "SELECT … FROM "),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Told:
    """What PostgreSQL's log tells about a stretch of time."""

    statements: Counter[str] = field(default_factory=Counter)
    by_process: Counter[str] = field(default_factory=Counter)
    transactions: int = 0

    @property
    def about_transactions(self) -> int:
        """Statements that only begin and end transactions."""
        return sum(count for text, count in self.statements.items() if text.partition(" ")[0] in _BRACKETS)


@dataclass(frozen=True)
class PerRun:
    """Of one run on average. `commits` are those that wrote; `transactions` counts those that only read as well."""

    commits: float
    transactions: float
    statements: float
    bracketing: float
    by_process: dict[str, float]
    messages: float
    commands: dict[str, float]
    texts: list[tuple[float, str]]


def per_run(bench: Bench) -> Values:
    """Count over a few runs of ten local steps, and, for the notes, over runs with three effects."""
    local, effects = _counted(bench, "ten"), _counted(bench, "three_effects")
    bench.per_run = {"ten local steps": local, "three effects": effects}
    bench.notes["commits_per_run"] = (
        f"ten local steps; with three effects {effects.commits:.1f}. Transactions that only read as well: "
        f"{local.transactions:.1f} and {effects.transactions:.1f}"
    )
    bench.notes["statements_per_run"] = (
        f"ten local steps, of them {local.bracketing:.1f} that only begin or end transactions; with three effects "
        f"{effects.statements:.1f}"
    )
    bench.notes["messages_per_run"] = f"ten local steps; with three effects {effects.messages:.1f}"
    return {
        "commits_per_run": local.commits,
        "statements_per_run": local.statements,
        "messages_per_run": local.messages,
    }


def newest_run(bench: Bench, workflow: str) -> str:
    return str(_newest(bench, workflow)[0])


def newest_output(bench: Bench, workflow: str) -> Any:
    return _newest(bench, workflow)[1]


def _newest(bench: Bench, workflow: str) -> tuple[Any, Any]:
    with psycopg.connect(bench.stack.database_url) as connection:
        row = connection.execute(
            "SELECT id, output FROM workflows_run WHERE workflow_id = %s AND parent_id IS NULL "
            "ORDER BY id DESC LIMIT 1",
            [workflow],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def _counted(bench: Bench, workflow: str) -> PerRun:
    runs, stack = bench.sizes.counted_runs, bench.stack
    bench.start_runs(Phase("unwatched"), workflow, 1)
    broker = redis.Redis(unix_socket_path=str(stack.broker_socket))
    with _told(stack) as told, psycopg.connect(stack.database_url, autocommit=True) as connection:
        commands, written = _calls(broker), _position(connection)
        bench.start_runs(Phase("unwatched"), workflow, runs)
        used = _calls(broker) - commands
        commits = _commits_since(connection, written)
    return PerRun(
        commits=commits / runs,
        transactions=told.transactions / runs,
        statements=told.statements.total() / runs,
        bracketing=told.about_transactions / runs,
        by_process={name: count / runs for name, count in told.by_process.items()},
        messages=sum(used[name] for name in PUSHES) / runs,
        commands={name: count / runs for name, count in used.most_common() if name not in IDLE_COMMANDS},
        texts=[(count / runs, text) for text, count in told.statements.most_common()],
    )


# The database


@contextmanager
def _told(stack: Stack) -> Iterator[Told]:
    """Has PostgreSQL write down every statement meanwhile, and reads that afterwards."""
    told = Told()
    _set(stack, log_statement="all", log_line_prefix=PREFIX)
    start = stack.postgres_log.stat().st_size
    try:
        yield told
    finally:
        time.sleep(0.3)  # what comes after the last commit of a run belongs to it too
        _set(stack, log_statement=None, log_line_prefix=None)
    with stack.postgres_log.open("rb") as file:
        file.seek(start)
        _read(told, file.read().decode(errors="replace"))


def _set(stack: Stack, **settings: str | None) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)  # every server process reads it between two statements


_BRACKETS = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
_ENDS = ("COMMIT", "ROLLBACK")


def _read(told: Told, log: str) -> None:
    inside: dict[str, bool] = {}
    for line in log.splitlines():
        found = LINE.match(line)
        if found is None or found[1] not in OURS:
            continue
        process, server, text = found.groups()
        told.statements[_shape(text)] += 1
        told.by_process[process] += 1
        word = text.split(maxsplit=1)[0].rstrip(";").upper() if text.strip() else ""
        if word == "BEGIN":
            inside[server] = True
        elif not inside.get(server) or (word in _ENDS and "SAVEPOINT" not in text):
            told.transactions += 1
            inside[server] = False


def _shape(text: str) -> str:
    """The statement without its values, short enough for a table."""
    for pattern, instead in LITERALS:
        text = pattern.sub(instead, text)
    return text.strip()[:150] or "(empty: the pool asks whether the connection lives)"


def _position(connection: psycopg.Connection[Any]) -> str:
    """How far the write-ahead log has come."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
    row = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
    return str(row[0]) if row else ""


def _commits_since(connection: psycopg.Connection[Any], position: str) -> int:
    """Transactions that wrote: each of them is one commit record in the write-ahead log."""
    row = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM pg_get_wal_stats(%s, pg_current_wal_flush_lsn(), true) "
        "WHERE \"resource_manager/record_type\" = 'Transaction/COMMIT'",
        [position],
    ).fetchone()
    return int(row[0]) if row else 0


# The broker


def _calls(broker: Any) -> Counter[str]:
    """Command → how often it was called so far."""
    stats = broker.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()})
