"""How the database is emptied between tests with `transaction=True`; imported by conftest.py.

Django truncates: two files for each table and index, and then the names of all models and permissions written anew. Of
seventy tables a test fills a few, so that deleting its rows takes a tenth of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management.commands import flush
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected

TRIES = 5
KEPT = {
    "audit_entry": ("ledger_keeps_rows", "ledger_keeps_table"),
    "audit_batch": ("ledger_keeps_batches", "ledger_keeps_batch_table"),
    "audit_payload": ("ledger_keeps_payloads", "ledger_keeps_payload_table"),
}
"""What refuses to be emptied, by its triggers."""
OF_THE_MODELS = {"django_content_type", "auth_permission"}
"""Tells of the models themselves, and stays as the migrations have left it."""
LARGE = 1 << 20
"""Bytes of a table from which on deleted rows would cost more than new files."""


@pytest.fixture(scope="session", autouse=True)
def rows_are_deleted_between_tests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _statements)
        patch.setattr(DatabaseOperations, "execute_sql_flush", _patiently(DatabaseOperations.execute_sql_flush))
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args, **options: None)
        yield


def _statements(self: DatabaseOperations, style: Any, tables: list[str], **options: Any) -> list[str]:
    """Who still writes is waited for. The triggers that guard the ledger sleep here, and only here, and are set back to
    ENABLE ALWAYS in the same transaction."""
    emptied = [f'"{table}"' for table in tables if table not in OF_THE_MODELS]
    guarded = [table for table in KEPT if table in tables]
    return [
        f"LOCK TABLE {', '.join(emptied)} IN EXCLUSIVE MODE",
        *_sleeping(guarded, "DISABLE"),
        "SET LOCAL session_replication_role = replica",
        *_truncated(emptied),
        *(f"DELETE FROM {table}" for table in emptied),
        *_sleeping(guarded, "ENABLE ALWAYS"),
    ]


def _truncated(tables: list[str]) -> list[str]:
    wanted = "SELECT name FROM unnest(%s::text[]) AS name WHERE pg_table_size(name::regclass) > %s"
    with connection.cursor() as cursor:
        cursor.execute(wanted, [tables, LARGE])
        large = [name for (name,) in cursor.fetchall()]
    return [f"TRUNCATE {', '.join(large)} CASCADE"] if large else []


def _sleeping(tables: list[str], state: str) -> list[str]:
    return [f"ALTER TABLE {table} {state} TRIGGER {trigger}" for table in tables for trigger in KEPT[table]]


def _patiently(execute: Callable[..., None]) -> Callable[..., None]:
    """What a browser still asked when its page was closed is being answered: of the two, the emptying gives way.

    The anchors go with the ledger: else a scheduler would take an emptied one for a restored one, and its workers would
    park what must not happen twice.
    """

    def patiently(self: DatabaseOperations, statements: list[str]) -> None:
        for tries in range(TRIES):
            try:
                execute(self, statements)
                break
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected) or tries == TRIES - 1:
                    raise
                time.sleep(0.2)
        settings.LEDGER_ANCHORS.unlink(missing_ok=True)

    return patiently
