"""How many rows the database read of its tables, by its own counters: what a statement costs, whatever its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection


@dataclass
class Reading:
    """Filled when the block ends. `scans`: reads of the table from end to end; `rows`: fetched in any way."""

    scans: dict[str, int]
    rows: dict[str, int]


@contextmanager
def reading(tables: Sequence[str]) -> Iterator[Reading]:
    """What all sessions of this process read of these tables inside the block."""
    found = Reading({}, {})
    before = _counted(tables)
    yield found
    after = _counted(tables)
    for table in tables:
        if scans := after[table][0] - before[table][0]:
            found.scans[table] = scans
        found.rows[table] = after[table][1] - before[table][1]


def _counted(tables: Sequence[str]) -> dict[str, tuple[int, int]]:
    # A session reports what it did at its end at the latest.
    connection.close()
    connection.close_pool()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
            " WHERE schemaname = 'public' AND relname = ANY(%s)",
            [list(tables)],
        )
        return {table: (scans, rows) for table, scans, rows in cursor.fetchall()}
