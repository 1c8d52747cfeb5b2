"""The one byte form of everything that is sealed (rule A7), and the digests over it. Pure.

Values that are equal have the same bytes, others never: texts carry their length, maps are sorted, 1 and 1.0 are one
number, times are UTC to the microsecond. Digests of different things begin with different bytes, so that none can pass
for another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

_DECODER = json.JSONDecoder(parse_float=Decimal)

FORM = 1
"""The form in which entries are written now."""
BEFORE = 0
"""The form of entries that were there before the ledger was sealed: they carry no code of their own."""
NO_HASH = bytes(32)
"""What the first batch follows."""

_LEAF, _BATCH, _SIGNED_BATCH, _SIGNED_ANCHOR = b"\x00", b"\x02", b"\x03", b"\x04"  # 1 is a node of the tree


class Row(NamedTuple):
    """An entry with all its columns, by the names that they have in the database. Ids as text, `detail` as values."""

    id: str
    at: datetime
    department: str
    actor_kind: str
    actor_id: str
    actor_label: str
    verb: str
    object_kind: str
    object_id: str
    object_label: str
    run_id: str | None
    seq: int
    detail: Any
    form: int
    mac_key: str
    mac: bytes


COLUMNS = Row._fields


class Header(NamedTuple):
    """What is signed of a batch. `departments` counts its entries by slug; `total` counts all up to its end."""

    number: int
    before: bool
    previous: bytes
    first: str
    last: str
    size: int
    total: int
    root: bytes
    departments: Mapping[str, int]
    sealed_at: datetime
    key_id: str


class Anchor(NamedTuple):
    """That the ledger ended with this batch at this moment: what is kept out of the reach of the database's owner."""

    batch: int
    hash: bytes
    total: int
    at: datetime
    key_id: str


def encode(value: Any) -> bytes:
    """Raises TypeError for what JSON does not know, ValueError for a number that is not finite."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode()


def _write(value: Any, add: Callable[[str], None]) -> None:
    if isinstance(value, str):
        add(_text(value))
    elif value is None:
        add("n")
    elif value is True or value is False:
        add("t" if value else "f")
    elif isinstance(value, int | float | Decimal):
        number = number_text(value)
        add(f"d{len(number)}:{number}")
    elif isinstance(value, Mapping):
        add(f"m{len(value)}:")
        for name in sorted(value):
            add(_text(name))
            _write(value[name], add)
    elif isinstance(value, list | tuple):
        add(f"l{len(value)}:")
        for item in value:
            _write(item, add)
    else:
        raise TypeError(f"{type(value).__name__} has no form in the ledger")


def _text(text: str) -> str:
    """Its length is that of its bytes in UTF-8."""
    return f"s{len(text) if text.isascii() else len(text.encode())}:{text}"


def number_text(value: int | float | Decimal) -> str:
    """Decimal digits without an exponent and without closing zeros: 1, 1.0 and 1.00 are "1", 1e-3 is "0.001"."""
    if isinstance(value, int):
        return str(value)
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        raise ValueError(f"{value} is no number that the ledger keeps")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse(document: str | bytes) -> Any:
    """JSON with every digit of its numbers."""
    return _DECODER.decode(document if isinstance(document, str) else document.decode())


def entry_bytes(row: Row) -> bytes:
    """All of an entry but its code."""
    fields = ("tandem.entry", row.form, row.id, time_text(row.at), *row[2:13], row.mac_key)
    return encode(fields)


def mac_of(entry: bytes, key: bytes) -> bytes:
    """The code that only who has a key outside the database can make (rule A2)."""
    return hmac.digest(key, entry, "sha256")


def leaf_of(entry: bytes, mac: bytes) -> bytes:
    return hashlib.sha256(_LEAF + entry + mac).digest()


def batch_hash(header: Header) -> bytes:
    fields = (
        *("tandem.batch", FORM, header.number, header.before, header.previous.hex(), header.first, header.last),
        *(header.size, header.total, header.root.hex(), header.departments, time_text(header.sealed_at)),
        header.key_id,
    )
    return hashlib.sha256(_BATCH + encode(fields)).digest()


def signed_of_batch(hash: bytes) -> bytes:
    """The bytes that the sealer signs."""
    return _SIGNED_BATCH + hash


def signed_of_anchor(anchor: Anchor) -> bytes:
    fields = ("tandem.anchor", FORM, anchor.batch, anchor.hash.hex(), anchor.total, time_text(anchor.at), anchor.key_id)
    return _SIGNED_ANCHOR + encode(fields)


def count_by(departments: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for department in departments:
        counts[department] = counts.get(department, 0) + 1
    return counts
