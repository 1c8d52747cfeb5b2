"""How the ledger is emptied between tests with `transaction=True`; imported by conftest.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected

TRIES = 5
KEPT = {"audit_entry": "ledger_keeps_table", "audit_batch": "ledger_keeps_batch_table"}


@pytest.fixture(scope="session", autouse=True)
def ledger_is_emptied_between_tests() -> Iterator[None]:
    """Such tests end by truncating every table, which the ledger refuses: here, and only here, its trigger sleeps for
    that one statement and is set back to ENABLE ALWAYS in the same transaction."""
    sql_flush = DatabaseOperations.sql_flush

    def flush(self: DatabaseOperations, style: Any, tables: list[str], **options: Any) -> list[str]:
        statements = sql_flush(self, style, tables, **options)
        if "audit_entry" not in tables:
            return statements
        return [*sleeping("DISABLE"), *statements, *sleeping("ENABLE ALWAYS")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush)
        patch.setattr(DatabaseOperations, "execute_sql_flush", _patiently(DatabaseOperations.execute_sql_flush))
        yield


def sleeping(state: str) -> list[str]:
    return [f"ALTER TABLE {table} {state} TRIGGER {trigger}" for table, trigger in KEPT.items()]


def _patiently(execute: Callable[..., None]) -> Callable[..., None]:
    """What a browser still asked when its page was closed is being answered: of the two, the emptying gives way."""

    def patiently(self: DatabaseOperations, statements: list[str]) -> None:
        for _ in range(TRIES - 1):
            try:
                return execute(self, statements)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
                time.sleep(0.2)
        return execute(self, statements)

    return patiently
