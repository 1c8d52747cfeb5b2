"""A copy of a ledger in a schema of its own, sealed anew with keys that are made for it and thrown away.

It holds up to a few hundred of the newest entries as they are, made-up ones after them, and what they
speak of in the tables of the business: enough to see whether a manipulation is found, too little to be a burden.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import payloads, tree
from .commitments import ERASED
from .encoding import (
    COLUMNS,
    FORM,
    NO_HASH,
    Anchor,
    Header,
    Row,
    batch_hash,
    count_by,
    entry_bytes,
    leaf_of,
    mac_of,
    signed_of_batch,
)
from .sources import SEAL, Connection, Seal
from .trust import Told, Trust

TAKEN = 200
MADE_UP = 60
IN_BATCH = 8
WAITING = 5
CODE, SIGNING = "self-test-code", "self-test"


class Taken(Connection):
    """What was taken is old, and nobody is late with it."""

    def now(self) -> datetime | None:
        return None


@dataclass
class Copy:
    """One copy, in the search path of `connection`. `anchors` are what was told outside before anybody tampered."""

    connection: Any
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    code: bytes = field(default_factory=lambda: os.urandom(32))
    anchors: list[Told] = field(default_factory=list)

    @property
    def source(self) -> Connection:
        return Taken(self.connection)

    @property
    def trust(self) -> Trust:
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Trust({SIGNING: public}, self.anchors, {CODE: self.code})

    def rows(self) -> list[Row]:
        return list(self.source.rows())

    def seals(self) -> list[Seal]:
        return list(self.source.seals())

    def run(self, statement: str, *values: Any) -> int:
        """How many rows it touched."""
        return int(self.connection.execute(statement, values).rowcount)

    def coded(self, row: Row) -> Row:
        """The row with the code that belongs to it."""
        row = row._replace(mac_key=CODE, form=FORM)
        return row._replace(mac=mac_of(entry_bytes(row), self.code))

    def insert(self, row: Row) -> None:
        values = [json.dumps(row.detail, default=str) if name == "detail" else getattr(row, name) for name in COLUMNS]
        self.run(f"INSERT INTO audit_entry ({', '.join(COLUMNS)}) VALUES ({_marks(COLUMNS)})", *values)

    def seal(self, rows: Sequence[Row], head: Seal | None, *, key: Ed25519PrivateKey | None = None) -> Seal:
        """The next batch, put into the table."""
        header = _header(rows, head)
        hash = batch_hash(header)
        seal = Seal(header, hash, (key or self.key).sign(signed_of_batch(hash)), [row.id for row in rows])
        values = [*header[:8], json.dumps(header.departments), *header[9:], hash, seal.signature, list(seal.entries)]
        self.run(f"INSERT INTO audit_batch ({', '.join(SEAL)}) VALUES ({_marks(SEAL)})", *values)
        return seal

    def seal_anew(self, first: int, *, key: Ed25519PrivateKey | None = None) -> None:
        """Everything from this batch on, over the rows as they are now: what a forger who knows the form would do."""
        seals, rows = self.seals(), {row.id: row for row in self.rows()}
        head = next((seal for seal in seals if seal.header.number == first - 1), None)
        self.run("DELETE FROM audit_batch WHERE number >= %s", first)
        for seal in seals:
            if seal.header.number >= first:
                left = [rows[id] for id in seal.entries if id in rows]
                head = self.seal(left, head, key=key) if left else head

    def anchor(self, seal: Seal) -> None:
        told = Anchor(seal.header.number, seal.hash, seal.header.total, seal.header.sealed_at, SIGNING)
        self.anchors.append(Told(told, f"self-test:{len(self.anchors) + 1}"))


def copied(connection: Any, schema: str) -> Copy:
    """Made in this schema, inside the transaction of `connection`, which nobody may commit."""
    taken = _taken(connection)
    connection.execute(f'CREATE SCHEMA "{schema}"')
    connection.execute(f'SET LOCAL search_path TO "{schema}"')
    connection.execute(_TABLES)
    copy = Copy(connection)
    made_up = _made_up(MADE_UP)
    made_up[2] = made_up[2]._replace(detail=_words_of(copy, made_up[2].actor_id))
    rows = [copy.coded(row) for row in _numbered([*taken, *made_up])]
    _stand_for_words(copy, rows)
    for row in rows:
        copy.insert(row)
    _count(copy, rows)
    _do_business(copy, rows)
    head, waiting = None, rows[-WAITING:]
    for at in range(0, len(rows) - WAITING, IN_BATCH):
        head = copy.seal(rows[at : min(at + IN_BATCH, len(rows) - WAITING)], head)
        copy.anchor(head)
    for row in waiting:
        copy.run("INSERT INTO audit_unsealed (entry_id) VALUES (%s)", row.id)
    return copy


def _words_of(copy: Copy, subject: str) -> dict[str, Any]:
    """What somebody wrote, sealed beside the ledger; the detail that commits to it."""
    key = payloads.new_key()
    row = payloads.sealed("Because of the self-test.", subject, key)
    wrapped = payloads.wrapped(key, subject, copy.code)
    copy.run("INSERT INTO audit_datakey (subject, wrapped, key_id) VALUES (%s, %s, %s)", subject, wrapped, CODE)
    _insert_words(copy, *row)
    return {"reason": payloads.committed(row)}


def _stand_for_words(copy: Copy, rows: Sequence[Row]) -> None:
    """What was taken commits to words whose keys a copy has not, and whose erasure it may not reach back to."""
    erased = {row.object_id for row in rows if row.verb == ERASED}
    there = {id for (id,) in copy.connection.execute("SELECT commitment FROM audit_payload").fetchall()}
    for subject, commitment in (each for row in rows for each in payloads.commitments(row.detail)):
        if subject not in erased and commitment not in there:
            _insert_words(copy, commitment, subject, b"", b"")
            copy.run(_NO_KEY, subject)


_NO_KEY = "INSERT INTO audit_datakey (subject, wrapped, key_id) VALUES (%s, '', 'not copied') ON CONFLICT DO NOTHING"


def _insert_words(copy: Copy, *values: Any) -> None:
    copy.run("INSERT INTO audit_payload (commitment, subject, salt, sealed) VALUES (%s, %s, %s, %s)", *values)


def _taken(connection: Any) -> list[Row]:
    names = ", ".join(f"{name}::text" if name in ("id", "run_id") else name for name in COLUMNS)
    found = connection.execute(f"SELECT {names} FROM audit_entry ORDER BY id DESC LIMIT {TAKEN}").fetchall()
    return [Row(*values) for values in reversed(found)]


def _made_up(count: int) -> list[Row]:
    """Runs that were begun, asked people and were ended, and a deed of a department now and then."""
    rows: list[Row] = []
    moment = datetime.now(UTC) - timedelta(seconds=max(count, 0) + 1)
    while len(rows) < count:
        run, task = str(uuid.uuid4()), str(uuid.uuid4())
        story = [
            ("run.started", "run", run, run),
            ("task.decided", "task", task, run),
            ("group.made", "group", "1", None),
        ]
        for verb, kind, thing, run_id in story:
            moment += timedelta(milliseconds=1)
            who = ("person", "1", "Self-test")
            rows.append(
                Row(
                    _id(moment),
                    moment,
                    "self-test",
                    *who,
                    verb,
                    kind,
                    thing,
                    kind,
                    run_id,
                    0,
                    {"n": 1.5},
                    FORM,
                    "",
                    b"",
                )
            )
    return rows


def _id(moment: datetime) -> str:
    """A UUID of version 7."""
    milliseconds = int(moment.timestamp() * 1000)
    number = milliseconds << 80 | 7 << 76 | int.from_bytes(os.urandom(2)) % 4096 << 64 | 2 << 62
    return str(uuid.UUID(int=number | int.from_bytes(os.urandom(8)) % (1 << 62)))


def _numbered(rows: Sequence[Row]) -> list[Row]:
    """Dense again: what was taken begins somewhere."""
    last = Counter[str]()
    found = []
    for row in rows:
        scope = row.run_id or row.department
        last[scope] += 1
        found.append(row._replace(seq=last[scope]))
    return found


def _count(copy: Copy, rows: Sequence[Row]) -> None:
    for scope, last in Counter(row.run_id or row.department for row in rows).items():
        copy.run("INSERT INTO audit_counter (scope, last) VALUES (%s, %s)", scope, last)


def _do_business(copy: Copy, rows: Sequence[Row]) -> None:
    """What the entries tell of, as it must stand in the tables of the business."""
    begun = Counter(row.run_id or "" for row in rows if row.verb in ("run.started", "run.tested"))
    ended = {row.run_id or "" for row in rows if row.verb == "run.cancelled"}
    for run in (begun.keys() | ended) - {""}:
        asked = datetime.now(UTC) if run in ended else None
        copy.run("INSERT INTO workflows_run VALUES (%s, %s, %s)", run, asked, begun[run])
        for number in range(begun[run]):
            copy.run("INSERT INTO workflows_journalentry VALUES (%s, 'run.accepted', %s)", run, number + 1)
    for row in rows:
        if row.verb == "task.decided":
            copy.run("INSERT INTO workflows_decision VALUES (%s, 'page')", row.object_id)
        if row.verb == "workflow.published":
            copy.run("INSERT INTO workflows_version VALUES (%s, %s, false)", row.object_id, row.detail.get("version"))


def _header(rows: Sequence[Row], head: Seal | None) -> Header:
    return Header(
        number=head.header.number + 1 if head else 1,
        before=False,
        previous=head.hash if head else NO_HASH,
        first=rows[0].id,
        last=rows[-1].id,
        size=len(rows),
        total=(head.header.total if head else 0) + len(rows),
        root=tree.root_of([leaf_of(entry_bytes(row), row.mac) for row in rows]),
        departments=count_by(row.department for row in rows),
        sealed_at=datetime.now(UTC),
        key_id=SIGNING,
    )


def _marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))


_TABLES = """
CREATE TABLE audit_entry (LIKE public.audit_entry);
CREATE TABLE audit_batch (LIKE public.audit_batch);
CREATE TABLE audit_counter (LIKE public.audit_counter);
CREATE TABLE audit_unsealed (LIKE public.audit_unsealed);
CREATE TABLE audit_datakey (LIKE public.audit_datakey);
CREATE TABLE audit_payload (LIKE public.audit_payload);
ALTER TABLE audit_batch ALTER form SET DEFAULT 1;
CREATE TABLE workflows_run (id uuid, cancel_asked_at timestamptz, seq integer);
CREATE TABLE workflows_journalentry (run_id uuid, event text, seq integer);
CREATE TABLE workflows_decision (task_id uuid, via text);
CREATE TABLE workflows_task (id uuid, status text);
CREATE TABLE workflows_version (workflow_id uuid, number integer, is_test boolean);
"""
