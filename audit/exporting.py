"""The ledger taken along: whole with its seals, some entries as lines or as a table, or one run with its proof."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from audit import sealing, sql
from audit.cells import harmless
from audit.models import Batch, Counter, Entry, Payload, Unsealed
from audit.sentences import sentence
from audit.verify import encoding, tree
from audit.verify.sources import SEAL

CHUNK = 2_000
NUMBER = encoding.COLUMNS.index("seq")
TABLE = (
    "at",
    "what",
    "department",
    "actor_kind",
    "actor_label",
    "verb",
    "object_kind",
    "object_label",
    "run_id",
    "detail",
)


def whole() -> Iterator[str]:
    """Everything that the verifier needs, line by line. Inside a transaction that sees one state."""
    yield _line("ledger", whole=True, form=encoding.FORM, payloads=True)
    last = str(UUID(int=0))
    while found := sql.rows(_AFTER, [last, CHUNK]):
        yield from (_line("entry", **told(values)) for values in found)
        last = found[-1][0]
    for batch in Batch.objects.order_by("number").iterator(chunk_size=20):
        yield _line("batch", **seal_of(batch), entries=[str(id) for id in batch.entries])
    for id in Unsealed.objects.values_list("pk", flat=True).iterator():
        yield _line("waiting", id=str(id))
    for commitment, subject in Payload.objects.values_list("pk", "subject").iterator():
        yield _line("payload", commitment=commitment, subject=subject)  # that they are there, not what they say
    for scope, counted in Counter.objects.values_list("scope", "last").iterator():
        yield _line("counter", scope=scope, last=counted)


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Some entries, as the whole ledger has them."""
    yield _line("ledger", whole=False, form=encoding.FORM)
    found = sql.rows(_THESE, [[entry.pk for entry in entries]])
    yield from (_line("entry", **told(values)) for values in found)


def table(entries: Iterable[Entry]) -> str:
    """As a table for people: CSV in UTF-8, whose cells no spreadsheet computes (rule S16)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(TABLE)
    for entry in entries:
        cells = {**entry.__dict__, "at": entry.at.isoformat(), "what": sentence(entry)}
        cells["detail"] = json.dumps(entry.detail, ensure_ascii=False) if entry.detail else ""
        writer.writerow([harmless(str(cells[name] if cells[name] is not None else "")) for name in TABLE])
    return out.getvalue()


def bundle(run_id: UUID) -> str:
    """The entries of one run, each with its way to the root of a signed batch; of other entries only hashes.

    One line of JSON, in the order that the verifier knows it by.
    """
    found = sql.rows(_THESE, [list(Entry.objects.filter(run_id=run_id).values_list("pk", flat=True))])
    batches: dict[int, Batch] = {}
    proofs = [_proof(values, batches) for values in sorted(found, key=lambda values: values[NUMBER])]
    seals = [seal_of(batches[number]) for number in sorted(batches)]
    return _line("bundle", form=encoding.FORM, run=str(run_id), entries=proofs, batches=seals)


def told(values: Sequence[Any]) -> dict[str, Any]:
    """An entry by its columns; its detail is the text of a JSON object, in which every digit is kept."""
    named = dict(zip(encoding.COLUMNS, values, strict=True))
    return {**named, "at": encoding.time_text(named["at"]), "mac": named["mac"].hex()}


def seal_of(batch: Batch) -> dict[str, Any]:
    """All of a batch but the list of its entries."""
    held = {name: getattr(batch, name) for name in SEAL if name != "entries"}
    hexed = {name: bytes(held[name]).hex() for name in ("previous", "root", "hash", "signature")}
    sealed_at = encoding.time_text(batch.sealed_at)
    return {**held, **hexed, "first": str(batch.first), "last": str(batch.last), "sealed_at": sealed_at}


def _proof(values: Sequence[Any], batches: dict[int, Batch]) -> dict[str, Any]:
    id = UUID(values[0])
    batch = next((held for held in batches.values() if id in held.entries), None) or _batch_with(id)
    if batch is None:
        return {"entry": told(values), "batch": None}
    batches[batch.number] = batch
    position = batch.entries.index(id)
    way = tree.way_of(_leaves(batch), position)
    return {
        "entry": told(values),
        "batch": batch.number,
        "position": position,
        "way": [neighbour.hex() for neighbour in way],
    }


def _batch_with(id: UUID) -> Batch | None:
    """Ids grow with time, so that the first batch that reaches so far has it, or one soon after."""
    return Batch.objects.filter(last__gte=id, first__lte=id, entries__contains=[id]).order_by("last").first()


def _leaves(batch: Batch) -> list[bytes]:
    rows = {row.id: row for row in map(sealing.row_from, sql.rows(_THESE, [batch.entries]))}
    held = [rows[str(id)] for id in batch.entries]
    return [encoding.leaf_of(encoding.entry_bytes(row), row.mac) for row in held]


def _line(kind: str, **values: Any) -> str:
    return json.dumps({"tandem": kind, **values}, ensure_ascii=False)


_THESE = f"SELECT {sealing.SELECTED} FROM audit_entry AS entry WHERE id = ANY(%s) ORDER BY id"
_AFTER = f"SELECT {sealing.SELECTED} FROM audit_entry AS entry WHERE id > %s ORDER BY id LIMIT %s"
