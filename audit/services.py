"""The one way to write to the ledger."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import uuid_utils.compat as uuid
from django.conf import settings
from django.db import transaction

from audit import payloads, sql
from audit.models import Entry
from audit.payloads import Words
from audit.people import PERSON
from audit.verify import encoding
from audit.verify.encoding import Row


class Doer(Protocol):
    """Whoever does something: a person, a token, or the server itself."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Server:
    """The server itself, for what the ledger has to tell of its own."""

    kind: str = "system"
    id: str = ""
    label: str = "Tandem"


class NotInTransaction(Exception):
    """A deed and its ledger entry are one transaction, or the entry proves nothing."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An entry that is not written yet: its row with its code, and its detail as JSON."""

    row: Row
    document: str

    @property
    def values(self) -> list[Any]:
        """Of `INSERT`."""
        return [*self.row[:12], self.document, *self.row[13:]]


def record(
    verb: str,
    *,
    actor: Doer,
    department: str = "",
    thing: Any = None,
    run_id: UUID | None = None,
    opened_at: datetime | None = None,
    **detail: Any,
) -> Entry:
    """Write who did what, inside the transaction of the deed itself.

    `verb` is past tense with a dot: "workflow.published". `department` is a slug. `thing` is the row the deed is about;
    one whose text people write (a title, a question, a file name) has a `ledger_label` that is none of it (rule A10).
    `detail` holds JSON values only, and no secrets; other people as `named`, what somebody wrote as `Words` (A10).
    `opened_at` is given with the first deed of a run that is just
    being made: it needs no number from the database, and so no lock. Raises NotInTransaction outside a transaction.
    """
    written = deed(verb, actor=actor, department=department, thing=thing, run_id=run_id, opened_at=opened_at, **detail)
    sql.execute(INSERT, written.values)
    run = UUID(written.row.run_id) if written.row.run_id else None
    kept = {**written.row._asdict(), "id": UUID(written.row.id), "run_id": run}
    return Entry.from_db("default", _FIELDS, [kept[name] for name in _FIELDS])


def deed(
    verb: str,
    *,
    actor: Doer,
    department: str = "",
    thing: Any = None,
    run_id: UUID | None = None,
    opened_at: datetime | None = None,
    **detail: Any,
) -> Deed:
    """As `record`, for who writes it with a statement of their own in this transaction, as the hot path does."""
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction(verb)

    if any(isinstance(value, Words) for value in detail.values()):
        detail = payloads.kept(detail, actor.id)
    seq, at = (1, opened_at) if opened_at else _next(department, run_id)
    mac_key, key = next(iter(settings.LEDGER_KEYS.known.items()))
    document = _composed(sql.document(detail))
    row = Row(
        id=str(uuid.uuid7()),
        at=at,
        department=department,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label="" if actor.kind == PERSON else _composed(actor.label)[:254],
        verb=verb,
        object_kind=thing._meta.model_name if thing is not None else "",
        object_id=str(thing.pk) if thing is not None else "",
        object_label=_composed(_label(thing))[:254] if thing is not None else "",
        run_id=str(run_id) if run_id else None,
        seq=seq,
        detail=encoding.parse(document),  # from its JSON, as the verifier reads it
        form=encoding.FORM,
        mac_key=mac_key,
        mac=b"",
    )
    return Deed(row._replace(mac=encoding.mac_of(encoding.entry_bytes(row), key)), document)


def _next(department: str, run_id: UUID | None) -> tuple[int, datetime]:
    """The next number of this run or department, and the moment at which it was ours.

    The row of the counter is held until the end of the transaction, so that numbers have no gaps: whoever records
    should have done what it waits for before.
    """
    found = sql.row(_NEXT_OF_RUN, [str(run_id), run_id]) if run_id else sql.row(_NEXT_OF_DEPARTMENT, [department])
    assert found is not None
    return found[0], found[1]


def _composed(text: str) -> str:
    """One form of letters with accents (NFC): what looks the same is the same."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _label(thing: Any) -> str:
    label = getattr(thing, "ledger_label", None)
    return str(thing) if label is None else label


_FIELDS = [field.attname for field in Entry._meta.concrete_fields]
_TYPES = {"id": "uuid", "run_id": "uuid", "detail": "jsonb"}
ENTRY = f"""
INSERT INTO audit_entry ({", ".join(encoding.COLUMNS)})
VALUES ({", ".join(f"%s::{_TYPES[name]}" if name in _TYPES else "%s" for name in encoding.COLUMNS)}) RETURNING id
"""
QUEUE = "INSERT INTO audit_unsealed (entry_id) SELECT id FROM entry"
INSERT = f"WITH entry AS ({ENTRY}) {QUEUE}"
"""An entry with its place in the queue; `Deed.values` are its values."""
_COUNT = """
ON CONFLICT (scope) DO UPDATE SET last = counter.last + 1 RETURNING last, clock_timestamp()
"""
_NEXT_OF_DEPARTMENT = f"INSERT INTO audit_counter AS counter (scope, last) VALUES (%s, 1) {_COUNT}"
_NEXT_OF_RUN = f"""
INSERT INTO audit_counter AS counter (scope, last)
VALUES (%s, 1 + coalesce((SELECT max(seq) FROM audit_entry WHERE run_id = %s), 0)) {_COUNT}
"""
