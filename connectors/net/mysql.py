"""MySQL and MariaDB, spoken by PyMySQL over a line of ours."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql

from connectors.net import lines, reach, sockets, sql_errors, sql_values
from connectors.net.egress import Egress
from connectors.net.sockets import Deadline
from connectors.sdk import AuthFailed, BadParams, Rejected
from connectors.sdk.sql import MYSQL, Database, Named, Rows, Upsert, bare, pieces, reads

LONGEST_S = 60.0
STATEMENT_S = 45
LOCK_S = 10
MOST_BYTES = 20_000_000
ROWS_AT_ONCE = 200

_WRITES = re.compile(r"\bINTO\b|\bFOR\s+UPDATE\b", re.IGNORECASE)
# Remarks that are executed all the same.
_REMARK = re.compile(r"/\*M?!")
_KEYS = """
SELECT index_name, LOWER(GROUP_CONCAT(column_name)) FROM information_schema.statistics
WHERE table_schema = {schema} AND table_name = {table} AND non_unique = 0 GROUP BY index_name
"""


def read(query: str, values: Mapping[str, Any], most: int, database: Database, policy: Egress) -> Rows:
    """Raises what `connectors.sdk.sql.Sql.read` names."""
    _demand_that_it_reads(query)
    written = _bound(query, values)
    with _signed_in(database, policy) as connection, _said(), connection.cursor() as cursor:
        # For the session, so that nothing inside the statement can begin another transaction that writes.
        connection.query("SET SESSION TRANSACTION READ ONLY")
        connection.query(f"SET SESSION sql_select_limit = {most + 1}")
        cursor.execute(written)
        names = sql_values.columns([str(column[0]) for column in cursor.description or ()])
        found: list[Sequence[Any]] = list(cursor.fetchall())
    told = [dict(zip(names, map(sql_values.plain, row), strict=True)) for row in found[:most]]
    return Rows(told, names, len(found) > most)


def write(statement: str, values: Mapping[str, Any], database: Database, policy: Egress) -> int:
    """Raises what `connectors.sdk.sql.Sql.write` names."""
    written = _bound(statement, values)
    with _signed_in(database, policy, maybe_done=True) as connection, _said():
        touched = connection.query(written)
        connection.commit()
    return int(touched)


def upsert(wanted: Upsert, database: Database, policy: Egress) -> None:
    """Raises what `connectors.sdk.sql.Sql.upsert` names."""
    with _signed_in(database, policy, maybe_done=True) as connection, _said():
        _demand_key(wanted, database, connection)
        for start in range(0, len(wanted.rows), ROWS_AT_ONCE):
            connection.query(_upsert(wanted, wanted.rows[start : start + ROWS_AT_ONCE]))
        connection.commit()


def _upsert(wanted: Upsert, rows: Sequence[Mapping[str, Any]]) -> str:
    names = [_quoted(column) for column in wanted.columns]
    values = (f"({', '.join(sql_values.literal(row.get(column)) for column in wanted.columns)})" for row in rows)
    rest = [_quoted(column) for column in wanted.columns if column not in wanted.keys] or [_quoted(wanted.keys[0])]
    changes = ", ".join(f"{name} = VALUES({name})" for name in rest)
    table = ".".join(map(_quoted, wanted.table.split(".")))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join(values)} ON DUPLICATE KEY UPDATE {changes}"


def _demand_key(wanted: Upsert, database: Database, connection: _Connection) -> None:
    """It has no words for “on this key”: a table without it would get every row again. Raises BadParams."""
    schema, _, table = wanted.table.rpartition(".")
    connection.query(_KEYS.format(schema=sql_values.literal(schema or database.name), table=sql_values.literal(table)))
    result = connection._result
    keys = {name.lower() for name in wanted.keys}
    if not any(set(str(columns).split(",")) == keys for _, columns in (result.rows if result else None) or ()):
        problem = f"The table has no key over {', '.join(wanted.keys)}. Choose the columns of one that it has."
        raise BadParams(problem, fields={"keys": problem})


def _demand_that_it_reads(query: str) -> None:
    """The server's read-only transactions still write files and answer to executable remarks. Raises BadParams."""
    if not reads(query, MYSQL) or _WRITES.search(bare(query, MYSQL)) or _REMARK.search(query):
        raise sql_errors.of_mysql(1792)


def _bound(statement: str, values: Mapping[str, Any]) -> str:
    return "".join(
        sql_values.literal(values[each.name]) if isinstance(each, Named) else each for each in pieces(statement, MYSQL)
    )


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


# What the library says of a server that breaks off, or speaks as none does.
_BROKEN = (pymysql.err.Error, OSError, ValueError, LookupError, RuntimeError, AssertionError, TypeError)


class _TooMuch(Exception):
    pass


class _NotInClear:
    """To a server that asks for the password itself, over a line that everybody on the way reads."""

    def __init__(self, connection: Any) -> None:
        raise AuthFailed("The database asks for the password in clear. Choose TLS in the connection.")


class _Connection(pymysql.connections.Connection):
    """The library's client with our cap on what it takes in."""

    taken = 0

    def _read_bytes(self, num_bytes: int) -> bytes:
        self.taken += num_bytes
        if self.taken > MOST_BYTES:
            raise _TooMuch
        return bytes(super()._read_bytes(num_bytes))


@contextmanager
def _signed_in(database: Database, policy: Egress, *, maybe_done: bool = False) -> Iterator[_Connection]:
    deadline = Deadline.after(LONGEST_S)
    place = lines.place(MYSQL, database.host, database.port)
    is_begun = False
    with lines.line(MYSQL, place.host, place.port, policy=policy, deadline=deadline) as raw:
        try:
            connection = _Connection(**_told(database, place.host))
            connection.connect(raw)
            _limit(connection)
            is_begun = True
            yield connection
        except _TooMuch:
            raise Rejected(f"The database gave more than {MOST_BYTES // 1_000_000} MB. Ask for less.") from None
        except _BROKEN as error:
            number = _number(error)
            if not is_begun and isinstance(error, pymysql.err.Error) and 1000 <= number < 2000:
                raise sql_errors.of_mysql(number) from None
            raise reach.no_answer(place, OSError(type(error).__name__), maybe_done=maybe_done and is_begun) from None


def _told(database: Database, host: str) -> dict[str, Any]:
    context: ssl.SSLContext | None = sockets.default_tls() if database.security == "tls" else None
    return {
        "host": host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "database": database.name,
        "charset": "utf8mb4",
        "ssl": context,
        "ssl_disabled": context is None,
        "auth_plugin_map": {} if context else {"mysql_clear_password": _NotInClear},
        "connect_timeout": max(int(LONGEST_S), 1),
        "read_timeout": LONGEST_S,
        "write_timeout": LONGEST_S,
        "local_infile": False,
        "autocommit": False,
        "defer_connect": True,
    }


def _limit(connection: _Connection) -> None:
    """How long a statement may take: MariaDB and MySQL have different words for it."""
    is_mariadb = "mariadb" in str(connection.server_version).lower()
    longest = f"max_statement_time = {STATEMENT_S}" if is_mariadb else f"max_execution_time = {STATEMENT_S * 1000}"
    connection.query(f"SET SESSION {longest}, innodb_lock_wait_timeout = {LOCK_S}")


@contextmanager
def _said() -> Iterator[None]:
    """What the database answers, in our words."""
    try:
        yield
    except pymysql.err.Error as error:
        number = _number(error)
        if not 1000 <= number < 2000 and not 3000 <= number < 5000:
            raise
        raise sql_errors.of_mysql(number) from None


def _number(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
