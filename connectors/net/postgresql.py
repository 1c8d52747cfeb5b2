"""PostgreSQL, spoken by psycopg over a line of ours: resolved once, secured, capped and cut like every other."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import rows, sql
from psycopg.types.json import Jsonb

from connectors.net import lines, reach, sql_errors, sql_values
from connectors.net.egress import Egress
from connectors.net.relay import Relay, relayed
from connectors.net.sockets import Deadline
from connectors.sdk import BadParams, Rejected, StepError, Unavailable
from connectors.sdk.sql import POSTGRESQL, Database, Named, Rows, Upsert, pieces, reads

LONGEST_S = 60.0
STATEMENT_S = 45
LOCK_S = 10
MOST_BYTES = 20_000_000
FETCHED_AT_ONCE = 500

_SOCKET = ".s.PGSQL.5432"
_ASK_FOR_TLS = struct.pack("!ii", 8, 80877103)
_QUOTED = frozenset({"42601", "42P01", "42703", "42883"})
"""Errors about the statement alone; values do not stand in it."""
_SIGNING_IN = (
    ("authentication failed", "28P01"),
    ("server requested", "28P01"),
    ("pg_hba", "28000"),
    ("role", "28000"),
    ("does not exist", "3D000"),
    ("too many", "53300"),
    ("remaining connection slots", "53300"),
)


def read(query: str, values: Mapping[str, Any], most: int, database: Database, policy: Egress) -> Rows:
    """Raises what `connectors.sdk.sql.Sql.read` names."""
    if not reads(query, POSTGRESQL):
        raise sql_errors.of_postgresql("25006")
    written, given = _bound(query, values)
    with _signed_in(database, policy) as connection, _said(), connection.transaction():
        # A cursor of the server takes one query that gives rows and nothing else, and lets us stop at `most`.
        connection.execute("SET TRANSACTION READ ONLY")
        with connection.cursor("tandem", row_factory=rows.tuple_row) as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(written, given)
            names = sql_values.columns([column.name for column in cursor.description or ()])
            found: list[Sequence[Any]] = []
            while len(found) <= most and (part := cursor.fetchmany(min(FETCHED_AT_ONCE, most + 1 - len(found)))):
                found += part
    told = [dict(zip(names, map(sql_values.plain, row), strict=True)) for row in found[:most]]
    return Rows(told, names, len(found) > most)


def write(statement: str, values: Mapping[str, Any], database: Database, policy: Egress) -> int:
    """Raises what `connectors.sdk.sql.Sql.write` names."""
    written, given = _bound(statement, values)
    with _signed_in(database, policy, maybe_done=True) as connection, _said():
        with connection.transaction():
            # Binary answers, because psycopg would else send a statement without values in a form that takes several.
            touched = connection.execute(written, given, binary=True).rowcount
        return max(touched, 0)


def upsert(wanted: Upsert, database: Database, policy: Egress) -> None:
    """Raises what `connectors.sdk.sql.Sql.upsert` names."""
    statement = _upsert(wanted)
    given = [[_value(row.get(column)) for column in wanted.columns] for row in wanted.rows]
    with _signed_in(database, policy, maybe_done=True) as connection, _said(), connection.transaction():
        try:
            connection.cursor().executemany(statement, given)
        except psycopg.errors.InvalidColumnReference:
            problem = f"The table has no key over {', '.join(wanted.keys)}. Choose the columns of one that it has."
            raise BadParams(problem, fields={"keys": problem}) from None


def _upsert(wanted: Upsert) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, wanted.columns))
    rest = [column for column in wanted.columns if column not in wanted.keys]
    changes = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in rest)
    return sql.SQL("INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT ({keys}) DO {then}").format(
        table=sql.Identifier(*wanted.table.split(".")),
        names=names,
        values=sql.SQL(", ").join([sql.Placeholder()] * len(wanted.columns)),
        keys=sql.SQL(", ").join(map(sql.Identifier, wanted.keys)),
        then=sql.SQL("UPDATE SET {}").format(changes) if rest else sql.SQL("NOTHING"),
    )


def _bound(statement: str, values: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """As psycopg wants it; from there the values travel apart from the text. Raises BadParams."""
    cut = list(pieces(statement, POSTGRESQL))
    written = "".join(f"%({each.name})s" if isinstance(each, Named) else each.replace("%", "%%") for each in cut)
    given = {each.name: _value(values[each.name]) for each in cut if isinstance(each, Named)}
    # Without any value psycopg would leave %% as it is.
    return (written if given else statement).encode("utf-8", "replace"), given


def _value(value: Any) -> Any:
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(item, dict | list) for item in value)):
        return Jsonb(value)
    return value.replace("\x00", "") if isinstance(value, str) else value


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _signed_in(database: Database, policy: Egress, *, maybe_done: bool = False) -> Iterator[psycopg.Connection]:
    """`maybe_done`: from the first statement on, a line that breaks says nothing about what was changed."""
    deadline = Deadline.after(LONGEST_S)
    place = lines.place(POSTGRESQL, database.host, database.port)
    is_begun = False
    relay: Relay | None = None
    try:
        with lines.line(POSTGRESQL, place.host, place.port, policy=policy, deadline=deadline) as raw:
            far = _secured(raw, place.host, deadline) if database.security == "tls" else raw
            with relayed(far, _SOCKET, MOST_BYTES) as relay, psycopg.connect(**_told(relay, database)) as connection:
                is_begun = True
                yield connection
    except StepError:
        raise
    except (psycopg.Error, OSError, ValueError, OverflowError) as error:
        if relay is not None and relay.is_flooded:
            raise Rejected(f"The database gave more than {MOST_BYTES // 1_000_000} MB. Ask for less.") from None
        if not is_begun and (refusal := _not_signed_in(error)):
            raise refusal from None
        raise reach.no_answer(place, OSError(type(error).__name__), maybe_done=maybe_done and is_begun) from None


def _secured(raw: socket.socket, host: str, deadline: Deadline) -> socket.socket:
    """Source: the manual's chapter on the protocol, “SSL Session Encryption”. Raises Unavailable, OSError."""
    raw.settimeout(deadline.left())
    raw.sendall(_ASK_FOR_TLS)
    # One byte and no more: what somebody pushed in behind it must not count as secured.
    if raw.recv(1) != b"S":
        raise Unavailable(f'"{host}" does not offer TLS. Ask who runs the database to switch it on.')
    return lines.secured(raw, host, deadline)


def _told(relay: Relay, database: Database) -> dict[str, Any]:
    """Everything that libpq would else take from the environment or from files is said here."""
    return {
        "host": str(relay.path.parent),
        "port": 5432,
        "hostaddr": "",
        "dbname": database.name,
        "user": database.user,
        "password": database.password,
        "passfile": os.devnull,
        "sslmode": "disable",
        "gssencmode": "disable",
        "channel_binding": "prefer" if database.security == "tls" else "disable",
        # Not even to who says that it is the server goes the password in clear.
        "require_auth": "scram-sha-256,md5,none" + (",password" if database.security == "tls" else ""),
        "target_session_attrs": "any",
        "application_name": "tandem",
        "connect_timeout": max(int(LONGEST_S), 1),
        "options": f"-c statement_timeout={STATEMENT_S}s -c lock_timeout={LOCK_S}s",
        "client_encoding": "UTF8",
        "autocommit": True,
    }


@contextmanager
def _said() -> Iterator[None]:
    """What the database answers, in our words."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if isinstance(error, psycopg.DataError) and not state:
            raise Rejected(
                "The database gave a value that cannot be held here, such as an infinite date. Ask for it as text: "
                "CAST(day AS text)."
            ) from None
        if not state or state.startswith("08"):
            raise
        about = error.diag.message_primary or "" if state in _QUOTED else ""
        raise sql_errors.of_postgresql(state, column=error.diag.column_name or "", about=about) from None


def _not_signed_in(error: Exception) -> StepError | None:
    """While we sign in libpq has words only, no code; None where they are none that we know."""
    said = str(error)
    return next((sql_errors.of_postgresql(state) for words, state in _SIGNING_IN if words in said), None)
