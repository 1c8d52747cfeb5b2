"""Prepared statements on Django's own connection: parsed and planned once per connection, not once per step.

They take part in Django's transactions, and raise Django's database errors. For the statements of the hot path, which
a run cannot do without; everything else speaks through models. Here, because every floor may reach the lowest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from psycopg import Cursor

from audit import wall

Rows = list[tuple[Any, ...]]


def execute(statement: str, values: Sequence[Any]) -> Cursor[Any]:
    """Run one statement with `%s` placeholders, bound by the server."""
    return _executed(connections[DEFAULT_DB_ALIAS], statement, values)


def _executed(database: Any, statement: str, values: Sequence[Any]) -> Cursor[Any]:
    """On this thread's wrapper itself: `django.db.connection` looks it up anew at every touch, twenty times here."""
    database.ensure_connection()
    database.validate_no_broken_transaction()
    wall.keep(database)
    if database.queries_logged:
        database.queries_log.append({"sql": statement, "time": ""})
    with database.wrap_database_errors:
        return Cursor(database.connection).execute(statement, values, prepare=True)


def rows(statement: str, values: Sequence[Any]) -> Rows:
    # Results are complete with the answer to `execute`: fetching them asks nobody.
    return execute(statement, values).fetchall()


def row(statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    found: tuple[Any, ...] | None = execute(statement, values).fetchone()
    return found


def changed(statement: str, values: Sequence[Any]) -> int:
    """How many rows the statement changed."""
    return execute(statement, values).rowcount


def release() -> None:
    """Give the connection back to the pool: who waits for others, outside a transaction, holds none."""
    if not connection.in_atomic_block:
        connection.close()


def recordset(records: Iterable[Mapping[str, Any]]) -> str:
    """Many rows as one parameter, for `json_to_recordset`: times and ids become text that PostgreSQL reads."""
    return orjson.dumps(list(records)).decode()


def document(value: Any) -> str:
    """A JSON value as one parameter."""
    return orjson.dumps(value).decode()


def columns(model: type[Model], *names: str) -> tuple[str, ...]:
    """These columns in the order in which `model.from_db` takes their values."""
    own = [field.attname for field in model._meta.concrete_fields]
    return tuple(sorted(names, key=own.index))


def selected(table: str, names: Iterable[str]) -> str:
    """The columns as a SELECT names them: `run.id, run.status`."""
    return ", ".join(f"{table}.{name}" for name in names)
