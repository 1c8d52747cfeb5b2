"""Where a ledger is read from: a connection, a plain dump of PostgreSQL, or an export of Tandem's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .encoding import COLUMNS, Header, Row, parse

CHUNK = 2_000
HEADER = (
    *("number", "before", "previous", "first", "last", "count", "total", "root", "departments", "sealed_at"),
    "key_id",
)
SEAL = (*HEADER, "hash", "signature", "entries")


class CannotRead(Exception):
    """What was given is no ledger, in a sentence."""


class Seal(NamedTuple):
    """A batch as it lies in the database."""

    header: Header
    hash: bytes
    signature: bytes
    entries: Sequence[str]


class Source(Protocol):
    """One state of one ledger. Entries come in any order, batches by number."""

    has_data_keys: bool
    """Whether it is to have the keys of people's words: a dump is made without them."""

    def rows(self) -> Iterator[Row]: ...
    def seals(self) -> Iterator[Seal]: ...
    def queue(self) -> set[str]: ...
    def counters(self) -> dict[str, int]: ...

    def table(self, name: str, columns: Sequence[str]) -> Iterator[Sequence[Any]] | None:
        """Rows of a table of Tandem's business, each value as text; None where it is not there to be read."""
        ...

    def now(self) -> datetime | None:
        """The clock beside the ledger; None for what was written down earlier."""
        ...


class Connection:
    """A database, in one snapshot."""

    has_data_keys = True

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    def to(cls, address: str) -> Connection:
        """`address`: postgresql://…, or empty for what PGHOST and its sisters say. Raises CannotRead."""
        import psycopg

        try:
            connection = psycopg.connect(address, options="-c statement_timeout=0 -c timezone=UTC")
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SELECT FROM audit_batch LIMIT 1")
        except psycopg.Error as error:
            raise CannotRead(f"The database cannot be read: {str(error).strip()}") from None
        return cls(connection)

    def rows(self) -> Iterator[Row]:
        names = ", ".join(_SELECTED.get(name, name) for name in COLUMNS)
        for values in self._stream(f"SELECT {names} FROM audit_entry ORDER BY id"):
            yield Row._make((*values[:12], _detail(values[12]), *values[13:]))

    def seals(self) -> Iterator[Seal]:
        names = ", ".join(_SELECTED.get(name, name) for name in SEAL)
        for values in self._stream(f"SELECT {names} FROM audit_batch ORDER BY number", 20):
            yield Seal(Header(*values[:11]), *values[11:])

    def queue(self) -> set[str]:
        return {id for (id,) in self._stream("SELECT entry_id::text FROM audit_unsealed")}

    def counters(self) -> dict[str, int]:
        return dict(self._stream("SELECT scope, last FROM audit_counter"))

    def table(self, name: str, columns: Sequence[str]) -> Iterator[Sequence[Any]] | None:
        if self._connection.execute("SELECT to_regclass(%s)", [name]).fetchone()[0] is None:
            return None
        return self._stream(f"SELECT {', '.join(f'{column}::text' for column in columns)} FROM {name}")

    def now(self) -> datetime | None:
        found: datetime = self._connection.execute("SELECT clock_timestamp()").fetchone()[0]
        return found

    def _stream(self, statement: str, size: int = CHUNK) -> Iterator[Any]:
        self._streams = getattr(self, "_streams", 0) + 1
        with self._connection.cursor(name=f"verify_{self._streams}") as cursor:
            cursor.itersize = size
            cursor.execute(statement)
            yield from cursor


_SELECTED = {
    **{name: f"{name}::text" for name in ("id", "run_id", "detail", "first", "last")},
    "entries": "entries::text[]",
}


class Dump:
    """What `pg_dump` writes as plain text (`--format=plain`, with COPY, as is usual)."""

    has_data_keys = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, tuple[int, list[str]]] = {}
        with path.open("rb") as file:
            while line := file.readline():
                if line.startswith(b"COPY ") and (found := _COPY.match(line.decode())):
                    columns = [name.strip('" ') for name in found[2].split(",")]
                    self._tables[found[1]] = (file.tell(), columns)
        if "audit_batch" not in self._tables:
            raise CannotRead("The dump holds no sealed ledger. Is it plain text, and of this version of Tandem?")

    def rows(self) -> Iterator[Row]:
        for values in self._of("audit_entry", COLUMNS):
            yield row_of(dict(zip(COLUMNS, values, strict=True)))

    def seals(self) -> Iterator[Seal]:
        # By number without holding all of them: first where each stands.
        places = sorted((int(values[0]), place) for place, values in self._placed("audit_batch", ["number"]))
        with self._path.open("rb") as file:
            for _, place in places:
                file.seek(place)
                values = self._values("audit_batch", file.readline(), SEAL)
                yield seal_of(dict(zip(SEAL, values, strict=True)))

    def queue(self) -> set[str]:
        return {values[0] for values in self._of("audit_unsealed", ["entry_id"])}

    def counters(self) -> dict[str, int]:
        return {values[0]: int(values[1]) for values in self._of("audit_counter", ["scope", "last"])}

    def table(self, name: str, columns: Sequence[str]) -> Iterator[Sequence[Any]] | None:
        return self._of(name, columns) if name in self._tables else None

    def now(self) -> datetime | None:
        return None

    def _of(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        return (values for _, values in self._placed(table, columns))

    def _placed(self, table: str, columns: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
        with self._path.open("rb") as file:
            file.seek(self._tables[table][0])
            while True:
                place, line = file.tell(), file.readline()
                if not line or line == b"\\.\n":
                    return
                yield place, self._values(table, line, columns)

    def _values(self, table: str, line: bytes, columns: Sequence[str]) -> Sequence[Any]:
        cells = line.decode().rstrip("\n").split("\t")
        named = self._tables[table][1]
        try:
            return [_cell(cells[named.index(column)]) for column in columns]
        except (ValueError, IndexError):
            raise CannotRead(f"The table {table} of the dump is not as expected.") from None


class Export:
    """Lines of JSON, as `manage.py export_ledger` writes them: entries, batches, what waits, and the counters."""

    has_data_keys = False

    def __init__(self, path: Path) -> None:
        self._path = path
        if not next(self._lines("ledger"), {}).get("whole"):
            raise CannotRead(
                f"{path} is a part of a ledger, which proves nothing by itself. Verify a whole one (manage.py "
                "export_ledger) or the bundle of a run."
            )

    def rows(self) -> Iterator[Row]:
        return (row_of(line) for line in self._lines("entry"))

    def seals(self) -> Iterator[Seal]:
        return (seal_of(line) for line in self._lines("batch"))

    def queue(self) -> set[str]:
        return {line["id"] for line in self._lines("waiting")}

    def counters(self) -> dict[str, int]:
        return {line["scope"]: line["last"] for line in self._lines("counter")}

    def table(self, name: str, columns: Sequence[str]) -> Iterator[Sequence[Any]] | None:
        """Of the words of people it says which are there; the words themselves never leave the database."""
        if name != "audit_payload" or not next(self._lines("ledger")).get("payloads"):
            return None
        return ([line.get(column) for column in columns] for line in self._lines("payload"))

    def now(self) -> datetime | None:
        return None

    def _lines(self, kind: str) -> Iterator[dict[str, Any]]:
        begins = f'{{"tandem": "{kind}"'
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith(begins):
                    yield parse(line)


def row_of(told: dict[str, Any]) -> Row:
    """An entry whose values are texts, as a dump has them, or JSON's, as an export has them."""
    detail = told["detail"]
    read = {
        "at": _time(told["at"]),
        "seq": int(told["seq"]),
        "detail": _detail(detail) if isinstance(detail, str) else detail,
        "form": int(told["form"]),
        "mac": _bytes(told["mac"]),
    }
    return Row(**{**{name: told[name] for name in COLUMNS}, **read})


def seal_of(told: dict[str, Any]) -> Seal:
    departments, entries = told["departments"], told["entries"]
    header = Header(
        number=int(told["number"]),
        before=told["before"] in (True, "t"),
        previous=_bytes(told["previous"]),
        first=told["first"],
        last=told["last"],
        size=int(told["count"]),
        total=int(told["total"]),
        root=_bytes(told["root"]),
        departments=parse(departments) if isinstance(departments, str) else departments,
        sealed_at=_time(told["sealed_at"]),
        key_id=told["key_id"],
    )
    ids = entries.strip("{}").split(",") if isinstance(entries, str) else entries
    return Seal(header, _bytes(told["hash"]), _bytes(told["signature"]), ids)


def opened(path: Path) -> Dump | Export:
    """The file by what stands in it. Raises CannotRead."""
    try:
        with path.open("rb") as file:
            begins = file.read(200)
        if begins.startswith(b'{"tandem": "ledger"'):
            return Export(path)
        if begins.lstrip(b"-\n ").startswith(b"PostgreSQL database"):
            return Dump(path)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CannotRead(f"{path} cannot be read: {error}") from None
    raise CannotRead(
        f"{path} is neither a plain dump of PostgreSQL (pg_dump --format=plain) nor an export of the ledger."
    )


def _detail(document: str) -> Any:
    return {} if document == "{}" else parse(document)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))


def _cell(text: str) -> str | None:
    if text == "\\N":
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text) if "\\" in text else text


_COPY = re.compile(r'COPY (?:"?\w+"?\.)?"?(\w+)"? \((.+)\) FROM stdin;')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
