"""The words of people against the entries that commit to them: what is gone must have been erased, and say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import payloads
from .encoding import Row
from .payloads import Payload
from .sources import Source
from .trust import Trust

if TYPE_CHECKING:
    from .checking import Report

ERASED = "person.erased"
"""Its object is who was erased."""


class Commitments:
    """What the entries commit to, gathered as they are read."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, str]] = {}
        """Commitment → whose words they are, and the entry."""
        self._erased: set[str] = set()

    def hear(self, row: Row) -> None:
        if row.verb == ERASED:
            self._erased.add(row.object_id)
        if row.detail:
            for subject, commitment in payloads.commitments(row.detail):
                self._made[commitment] = (subject, row.id)

    def check(self, source: Source, trust: Trust, report: Report) -> None:
        found = source.table("audit_payload", Payload._fields)
        if found is None:
            return
        report.payloads_read = True
        keys = _keys(source, trust) if trust.codes else None
        must_be_there = keys is not None and source.has_data_keys
        there = set()
        for values in found:
            there.add(values[0])
            self._check_one(values, keys or {}, report, must_be_there=must_be_there)
        for commitment, (subject, entry) in self._made.items():
            if commitment in there:
                continue
            if subject in self._erased:
                report.erased += 1
            else:
                report.findings.add("words", f"The words of entry {entry} are gone, and who wrote them was not erased.")

    def _check_one(
        self, values: Sequence[Any], keys: dict[str, bytes | None], report: Report, *, must_be_there: bool
    ) -> None:
        commitment, subject = values[0], values[1]
        made = self._made.get(commitment)
        if made is None or made[0] != subject:
            report.findings.add("words", f"Words {commitment[:12]} are there that no entry speaks of like this.")
        elif subject in self._erased:
            report.findings.add("words", f"The words of entry {made[1]} are there, and who wrote them was erased.")
        else:
            report.words += 1
            if must_be_there and subject not in keys:
                said = f"The key to the words of entry {made[1]} is gone or not theirs, and nobody was erased."
                report.findings.add("words", said)
            self._compare(values, made[1], keys.get(subject), report)

    def _compare(self, values: Sequence[Any], entry: str, key: bytes | None, report: Report) -> None:
        if key is None:
            return
        if payloads.opened(Payload(values[0], values[1], _bytes(values[2]), _bytes(values[3])), key) is None:
            report.findings.add("words", f"The words of entry {entry} are not those that were written.")
        report.compared += 1


def _keys(source: Source, trust: Trust) -> dict[str, bytes | None] | None:
    """Those that the keys of the codes open, None for one under another key; None where no keys can be read."""
    rows = source.table("audit_datakey", ("subject", "wrapped", "key_id"))
    if rows is None:
        return None
    found: dict[str, bytes | None] = {}
    for subject, wrapped, key_id in rows:
        code = (trust.codes or {}).get(key_id)
        key = payloads.unwrapped(_bytes(wrapped), subject, code) if code else None
        if key is not None or code is None:
            found[subject] = key
    return found


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))
