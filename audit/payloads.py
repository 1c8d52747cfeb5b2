"""Words of people: kept with the entry that speaks of them, read again, and erased (rule A10, docs/ledger.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from audit import sql
from audit.verify import payloads
from audit.verify.payloads import Payload


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote themselves, like a reason: an entry never holds it, as nothing can be taken out of one.

    `of`: the id of who wrote it, if that is somebody else than who does the deed.
    """

    text: str
    of: str = ""


def kept(detail: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """The detail as an entry may hold it, its words sealed beside it for this subject, in this transaction.

    Words of nobody, like the server's own, stay as they are.
    """
    return {
        name: _kept(value, value.of or subject) if isinstance(value, Words) else value for name, value in detail.items()
    }


def _kept(words: Words, subject: str) -> str | dict[str, str]:
    if not words.text or not subject:
        return words.text
    row = payloads.sealed(words.text, subject, _key_of(subject) or _new_key(subject))
    sql.execute(_INSERT, list(row))
    return payloads.committed(row)


def opened(commitments: Collection[str]) -> dict[str, str]:
    """Commitment → words, of those that are there and can be read here. One query."""
    found = {}
    for commitment, subject, salt, sealed, wrapped, name in sql.rows(_THESE, [list(commitments)]):
        key = payloads.unwrapped(bytes(wrapped), subject, _ring(name))
        words = payloads.opened(Payload(commitment, subject, bytes(salt), bytes(sealed)), key) if key else None
        if words is not None:
            found[commitment] = words
    return found


def erase(subject: str) -> int:
    """Key, salts and sealed words. How many words there were."""
    sql.execute("DELETE FROM audit_datakey WHERE subject = %s", [subject])
    return sql.changed("DELETE FROM audit_payload WHERE subject = %s", [subject])


def _key_of(subject: str) -> bytes | None:
    found = sql.row("SELECT wrapped, key_id FROM audit_datakey WHERE subject = %s", [subject])
    return payloads.unwrapped(bytes(found[0]), subject, _ring(found[1])) if found else None


def _new_key(subject: str) -> bytes:
    """Of two who make one at once, the first wins. One that this host cannot open must not be replaced either."""
    name, code_key = next(iter(settings.LEDGER_KEYS.known.items()))
    sql.execute(_NEW, [subject, payloads.wrapped(payloads.new_key(), subject, code_key), name])
    key = _key_of(subject)
    if key is None:
        raise NoKey(f"The words of {subject} are sealed under a key of the ledger that this host does not have.")
    return key


class NoKey(Exception):
    """Hosts have different keys of the ledger (docs/ledger.md)."""


def _ring(name: str) -> bytes:
    key: bytes | None = settings.LEDGER_KEYS.known.get(name) or settings.LEDGER_KEYS.read_anew().get(name)
    return key or b""


_NEW: Final = "INSERT INTO audit_datakey (subject, wrapped, key_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_INSERT: Final = "INSERT INTO audit_payload (commitment, subject, salt, sealed) VALUES (%s, %s, %s, %s)"
_THESE: Final = """
SELECT payload.commitment, payload.subject, payload.salt, payload.sealed, owned.wrapped, owned.key_id
FROM audit_payload AS payload JOIN audit_datakey AS owned ON owned.subject = payload.subject
WHERE payload.commitment = ANY(%s)
"""
