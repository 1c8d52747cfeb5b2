"""How the ledger is emptied between tests with `transaction=True`; imported by conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations


@pytest.fixture(scope="session", autouse=True)
def ledger_is_emptied_between_tests() -> Iterator[None]:
    """Such tests end by truncating every table, which the ledger refuses: here, and only here, its trigger sleeps for
    that one statement and is set back to ENABLE ALWAYS in the same transaction."""
    sql_flush = DatabaseOperations.sql_flush

    def flush(self: DatabaseOperations, style: Any, tables: list[str], **options: Any) -> list[str]:
        statements = sql_flush(self, style, tables, **options)
        if "audit_entry" not in tables:
            return statements
        return [
            "ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_table",
            *statements,
            "ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_table",
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush)
        yield
