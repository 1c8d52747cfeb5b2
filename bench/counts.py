"""What single runs ask of the database and the broker: commits, statements, messages."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from bench import statements
from bench.bench import Bench, Values
from bench.groups import Phase
from bench.stack import Stack
from bench.statements import Told

PUSHES = ("lpush", "rpush", "xadd")
OURS = ("web", "worker")
"""The scheduler's own sweeps belong to no run."""


@dataclass(frozen=True)
class PerRun:
    """What `runs` of one workflow asked for; the properties say how much one of them did on average."""

    runs: int
    wrote: int
    """Transactions that wrote: each of them waited for the disk."""
    told: Told
    used: Counter[str]
    """Commands of the broker."""

    @property
    def commits(self) -> float:
        return self.wrote / self.runs

    @property
    def transactions(self) -> float:
        """Those that only read as well."""
        return self.told.transactions / self.runs

    @property
    def statements(self) -> float:
        return self.told.statements.total() / self.runs

    @property
    def messages(self) -> float:
        return sum(self.used[name] for name in PUSHES) / self.runs


def per_run(bench: Bench) -> Values:
    """Count over a few runs of ten local steps, and, for the notes, over runs with three effects."""
    local, effects = _counted(bench, "ten"), _counted(bench, "three_effects")
    bench.per_run = {"ten local steps": local, "three effects": effects}
    bench.notes["commits_per_run"] = (
        f"ten local steps; with three effects {effects.commits:.1f}. Transactions that only read as well: "
        f"{local.transactions:.1f} and {effects.transactions:.1f}"
    )
    bench.notes["statements_per_run"] = (
        f"ten local steps, {local.told.about_transactions / local.runs:.1f} of them only begin or end transactions; "
        f"with three effects {effects.statements:.1f}"
    )
    bench.notes["messages_per_run"] = f"ten local steps; with three effects {effects.messages:.1f}"
    return {
        "commits_per_run": local.commits,
        "statements_per_run": local.statements,
        "messages_per_run": local.messages,
    }


def _counted(bench: Bench, workflow: str) -> PerRun:
    runs, stack = bench.sizes.counted_runs, bench.stack
    bench.start_runs(Phase("unwatched"), workflow, 1)
    broker = redis.Redis(unix_socket_path=str(stack.broker_socket))
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        with _logged(stack) as log:
            commands, position = _calls(broker), _position(connection)
            bench.start_runs(Phase("unwatched"), workflow, runs)
            used = _calls(broker) - commands
        wrote = _commits_since(connection, position)
    return PerRun(runs, wrote, statements.read("".join(log), OURS), used)


# The database


@contextmanager
def _logged(stack: Stack) -> Iterator[list[str]]:
    """Has PostgreSQL write down every statement meanwhile; what it wrote is in the list afterwards."""
    log: list[str] = []
    _set(stack, log_statement="all", log_line_prefix=statements.PREFIX)
    start = stack.postgres_log.stat().st_size
    try:
        yield log
    finally:
        time.sleep(0.3)  # what comes after the last commit of a run belongs to it too
        _set(stack, log_statement=None, log_line_prefix=None)
    with stack.postgres_log.open("rb") as file:
        file.seek(start)
        log.append(file.read().decode(errors="replace"))


def _set(stack: Stack, **settings: str | None) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)  # every server process reads it between two statements


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
