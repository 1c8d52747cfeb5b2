"""Batches of entries under one signature, each naming the hash of the one before (rules A4 and A5).

One at a time, by an advisory lock; the number of a batch is its primary key, which is the second wall. Only entries
whose code is right are sealed: what somebody put into the database by other ways stays in the queue, and is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from audit import sql
from audit.models import Batch
from audit.verify import encoding, tree
from audit.verify.encoding import Header, Row

log = logging.getLogger(__name__)

SIZE: Final = 10_000
"""Of one batch at most; usually there are as many as came in five seconds."""
LOCK: Final = 0x7A6E_5EA1
HIGH_RISK: Final = ("ledger.", "vault.", "person.rights_changed", "person.created", "member.", "token.", "provider.")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that was just made. `is_of_high_risk`: it holds a deed whose seal should be anchored at once (A6)."""

    number: int
    count: int
    is_of_high_risk: bool


def seal(refused: set[UUID]) -> Sealed | None:
    """Seal what waits, `SIZE` at most. None when nothing waits, or somebody else is at it.

    `refused` is what this process has seen to be forged already, and what is added to it now.
    """
    with transaction.atomic():
        if not _is_ours():
            return None
        head = Batch.objects.order_by("-number").defer("entries").first()
        rows, before = _waiting(head, refused)
        encoded = [(row, encoding.entry_bytes(row)) for row in rows]
        good = [(row, entry) for row, entry in encoded if _holds(row, entry, before)]
        refused.update(UUID(row.id) for row in set_aside(rows, [row for row, _ in good]))
        if not good:
            return None
        batch = _batch(head, good, before)
        batch.save(force_insert=True)
        sql.execute("DELETE FROM audit_unsealed WHERE entry_id = ANY(%s)", [batch.entries])
    return Sealed(batch.number, batch.count, any(is_of_high_risk(row.verb) for row, _ in good))


def waiting(most: int) -> int:
    """How many entries wait, counted up to `most`."""
    found = sql.row("SELECT count(*) FROM (SELECT FROM audit_unsealed LIMIT %s) AS found", [most])
    return found[0] if found else 0


def is_of_high_risk(verb: str) -> bool:
    return verb.startswith(HIGH_RISK) or verb.endswith("_in_admin")


def set_aside(rows: Sequence[Row], good: Sequence[Row]) -> list[Row]:
    kept = {row.id for row in good}
    bad = [row for row in rows if row.id not in kept]
    for row in bad:
        log.error("ledger.forged: entry %s has no right code and is not sealed", row.id)
    return bad


def header_of(batch: Batch) -> Header:
    """What is signed of a row."""
    return Header(
        number=batch.number,
        before=batch.before,
        previous=bytes(batch.previous),
        first=str(batch.first),
        last=str(batch.last),
        size=batch.count,
        total=batch.total,
        root=bytes(batch.root),
        departments=batch.departments,
        sealed_at=batch.sealed_at,
        key_id=batch.key_id,
    )


def signer() -> tuple[str, Ed25519PrivateKey]:
    """The newest key of the sealer, with its name."""
    name, secret = next(iter(settings.LEDGER_SIGNING_KEYS.known.items()))
    return name, Ed25519PrivateKey.from_private_bytes(secret)


def _is_ours() -> bool:
    found = sql.row("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
    return bool(found and found[0])


def _waiting(head: Batch | None, refused: set[UUID]) -> tuple[list[Row], bool]:
    """What was there before the first seal comes first, in batches of its own; later nothing of the kind is taken."""
    if head is None or head.before:
        rows = _rows(refused, "AND entry.form = 0")
        if rows:
            return rows, True
    return _rows(refused), False


def _rows(refused: set[UUID], which: str = "") -> list[Row]:
    found = sql.rows(_WAITING.format(which=which), [list(refused), SIZE])
    return [row_from(values) for values in found]


def row_from(values: Sequence[Any]) -> Row:
    """Of `SELECTED`."""
    named: Mapping[str, Any] = dict(zip(encoding.COLUMNS, values, strict=True))
    run_id = str(named["run_id"]) if named["run_id"] else None
    detail = encoding.parse(named["detail"])
    return Row(**{**named, "id": str(named["id"]), "run_id": run_id, "detail": detail, "mac": bytes(named["mac"])})


def _holds(row: Row, entry: bytes, before: bool) -> bool:
    """Whether its code is the one that only Tandem can have made; what is from before has none."""
    if before:
        return row.form == encoding.BEFORE
    key = settings.LEDGER_KEYS.known.get(row.mac_key) or settings.LEDGER_KEYS.read_anew().get(row.mac_key)
    return key is not None and row.form == encoding.FORM and row.mac == encoding.mac_of(entry, key)


def _batch(head: Batch | None, encoded: Sequence[tuple[Row, bytes]], before: bool) -> Batch:
    name, key = signer()
    rows = [row for row, _ in encoded]
    leaves = [encoding.leaf_of(entry, row.mac) for row, entry in encoded]
    batch = Batch(
        number=head.number + 1 if head else 1,
        before=before,
        previous=bytes(head.hash) if head else encoding.NO_HASH,
        first=UUID(rows[0].id),
        last=UUID(rows[-1].id),
        count=len(rows),
        total=(head.total if head else 0) + len(rows),
        root=tree.root_of(leaves),
        departments=encoding.count_by(row.department for row in rows),
        sealed_at=clock(),
        key_id=name,
        entries=[UUID(row.id) for row in rows],
    )
    batch.hash = encoding.batch_hash(header_of(batch))
    batch.signature = key.sign(encoding.signed_of_batch(batch.hash))
    return batch


def clock() -> datetime:
    found = sql.row("SELECT clock_timestamp()", [])
    assert found is not None
    moment: datetime = found[0]
    return moment


SELECTED: Final = ", ".join(
    f"entry.{name}::text" if name in ("id", "run_id", "detail") else f"entry.{name}" for name in encoding.COLUMNS
)
_WAITING: Final = f"""
SELECT {SELECTED} FROM audit_unsealed AS waiting JOIN audit_entry AS entry ON entry.id = waiting.entry_id
WHERE waiting.entry_id <> ALL(%s) {{which}} ORDER BY waiting.entry_id LIMIT %s
"""
