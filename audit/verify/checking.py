"""Reckoning a whole ledger anew, from the columns that people read, and saying what does not agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from . import tree
from .business import Business
from .commitments import Commitments
from .encoding import BEFORE, FORM, NO_HASH, Row, batch_hash, count_by, entry_bytes, leaf_of, mac_of
from .sources import Seal, Source
from .trust import Told, Trust

Ends = dict[int, tuple[bytes, int] | None]
"""Number of an anchored batch → its hash and how many entries there are up to its end; None while it is not found."""
MOST_TOLD = 200
"""Findings that are told one by one; the others are counted."""
LONGEST_WAIT = timedelta(minutes=3)
"""From an entry to its seal, beyond which the sealer must be standing still (case A16)."""


@dataclass
class Findings:
    """Sentences, each under one word for its kind."""

    told: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, kind: str, sentence: str) -> None:
        self.count += 1
        if len(self.told) < MOST_TOLD:
            self.told.append((kind, sentence))


@dataclass
class Report:
    """What was looked at and what was found."""

    findings: Findings = field(default_factory=Findings)
    entries: int = 0
    sealed: int = 0
    from_before: int = 0
    batches: int = 0
    anchored: int = 0
    """Entries up to the last anchor."""
    anchored_at: datetime | None = None
    anchors: int = 0
    codes_checked: bool = False
    reconciled: bool = False
    words: int = 0
    """Of people, that are where they belong."""
    compared: int = 0
    """Of those, that were opened and are what was committed to."""
    erased: int = 0
    """Of people who were erased, as the ledger says."""
    payloads_read: bool = False
    set_back: int = 0
    """Anchors of a history that was replaced, which whoever verifies knows of."""


class Book:
    """The entries, each looked at once, in whatever order they come."""

    def __init__(self, source: Source, trust: Trust, report: Report) -> None:
        self._rows, self._trust, self._report = source.rows(), trust, report
        self.leaves: dict[str, tuple[bytes, str, int, datetime]] = {}
        """Those read and not yet met in a batch: leaf, department, form, moment."""
        self.last: dict[str, int] = {}
        self.ahead: dict[str, set[int]] = {}
        self.business = Business()
        self.commitments = Commitments()
        self.set_back_at: datetime | None = None

    def take(self, id: str) -> tuple[bytes, str, int, datetime] | None:
        """The entry of this id, reading on until it comes; None when there is none, or it was taken before."""
        while id not in self.leaves and (row := next(self._rows, None)) is not None:
            self._read(row)
        return self.leaves.pop(id, None)

    def read_on(self) -> None:
        for row in self._rows:
            self._read(row)

    def _read(self, row: Row) -> None:
        self._report.entries += 1
        self._report.from_before += row.form == BEFORE
        entry = entry_bytes(row)
        self._check_code(row, entry)
        self._check_number(row)
        self.business.hear(row)
        self.commitments.hear(row)
        if row.verb == "ledger.history_replaced":
            self.set_back_at = row.at
        if row.id in self.leaves:
            self._report.findings.add("entry", f"Entry {row.id} is there twice.")
        self.leaves[row.id] = (leaf_of(entry, row.mac), row.department, row.form, row.at)

    def _check_code(self, row: Row, entry: bytes) -> None:
        codes, findings = self._trust.codes, self._report.findings
        if row.form not in (BEFORE, FORM):
            findings.add("entry", f"Entry {row.id} has form {row.form}, which there is not.")
        elif codes is not None and row.form == FORM:
            key = codes.get(row.mac_key)
            if key is None:
                findings.add("code", f"Entry {row.id} was coded with the key “{row.mac_key}”, which is not known.")
            elif mac_of(entry, key) != row.mac:
                findings.add("code", f"Entry {row.id} ({_said(row)}) was changed, or not written by Tandem.")

    def _check_number(self, row: Row) -> None:
        scope = row.run_id or row.department
        last = self.last.get(scope, 0)
        if row.seq == last + 1:
            self.last[scope] = row.seq
            self._catch_up(scope)
        elif row.seq <= last or row.seq in self.ahead.get(scope, ()):
            self._report.findings.add("number", f"Entry {row.id} ({_said(row)}) has a number that another one has too.")
        else:
            self.ahead.setdefault(scope, set()).add(row.seq)

    def _catch_up(self, scope: str) -> None:
        ahead = self.ahead.get(scope)
        while ahead and self.last[scope] + 1 in ahead:
            self.last[scope] += 1
            ahead.remove(self.last[scope])


def verify(source: Source, trust: Trust, *, accept_set_back: bool = False) -> Report:
    """Look at everything. What is wrong is in the report's findings."""
    report = Report(codes_checked=trust.codes is not None)
    book = Book(source, trust, report)
    known = _anchored_batches(trust)
    head = None
    for seal in source.seals():
        head = _check_batch(seal, head, book, trust, report)
        if seal.header.number in known:
            known[seal.header.number] = (seal.hash, seal.header.total)
    book.read_on()
    _check_rest(source, book, report)
    _check_numbers(source, book, report)
    _check_anchors(trust, known, head, book, report, accept_set_back)
    book.commitments.check(source, trust, report)
    report.reconciled = book.business.reconcile(source, report.findings)
    return report


def _check_batch(seal: Seal, head: Seal | None, book: Book, trust: Trust, report: Report) -> Seal:
    header, findings = seal.header, report.findings
    name = f"Batch {header.number}"
    expected = head.header.number + 1 if head else 1
    if header.number != expected:
        findings.add("chain", f"{name} follows batch {expected - 1}: batches are missing, or in another order.")
    if header.previous != (head.hash if head else NO_HASH):
        findings.add("chain", f"{name} does not follow the batch before it.")
    if seal.hash != batch_hash(header):
        findings.add("chain", f"{name} is not what its hash says.")
    if not trust.has_signed(header.key_id, seal.hash, seal.signature):
        findings.add("signature", f"{name} is not signed by the sealer (key “{header.key_id}”).")
    if head and (trust.age_of(header.key_id) or 0) > (trust.age_of(head.header.key_id) or 0):
        findings.add("signature", f"{name} is signed with a key that had been replaced before.")
    if header.before and head and not head.header.before:
        findings.add("chain", f"{name} says that it is from before the first seal, and comes after it.")
    if header.total != (head.header.total if head else 0) + header.size:
        findings.add("chain", f"{name} counts {header.total} entries up to its end, which does not add up.")
    _check_leaves(seal, book, report)
    report.batches += 1
    report.sealed += len(seal.entries)
    return seal


def _check_leaves(seal: Seal, book: Book, report: Report) -> None:
    header, findings = seal.header, report.findings
    name = f"Batch {header.number}"
    found = [book.take(id) for id in seal.entries]
    for id in (id for id, entry in zip(seal.entries, found, strict=True) if entry is None):
        findings.add("gone", f"Entry {id} ({_moment(id)}), sealed in batch {header.number}, is gone.")
    entries = [entry for entry in found if entry is not None]
    ends = (seal.entries[0], seal.entries[-1], len(seal.entries)) if seal.entries else ("", "", 0)
    if ends != (header.first, header.last, header.size):
        findings.add("batch", f"{name} lists other entries than it says.")
    if any((form == BEFORE) != header.before for _, _, form, _ in entries):
        findings.add("batch", f"{name} holds entries that say they are from before the first seal, or hides that.")
    if len(entries) < len(seal.entries) or not entries:
        return  # said already; the root cannot agree
    if dict(header.departments) != count_by(department for _, department, _, _ in entries):
        findings.add("batch", f"{name} counts its entries by department otherwise than they are.")
    if tree.root_of([leaf for leaf, *_ in entries]) != header.root:
        findings.add("batch", f"{name}: an entry of it was changed, or their order ({_range(seal)}).")


def _check_rest(source: Source, book: Book, report: Report) -> None:
    """What is in no batch waits for the next one, and not for long."""
    queue, findings, now = source.queue(), report.findings, source.now()
    for id, (_, _, form, at) in book.leaves.items():
        if id not in queue:
            findings.add("queue", f"Entry {id} is in no batch, and does not wait for one either.")
        elif now is not None and now - at > LONGEST_WAIT and form != BEFORE:
            findings.add(
                "late", f"Entry {id} waits for its seal since {at:%Y-%m-%d %H:%M:%S}: the sealer stands still."
            )
    for id in queue - book.leaves.keys():
        findings.add("gone", f"Entry {id} ({_moment(id)}), which waits to be sealed, is gone or sealed already.")


def _check_numbers(source: Source, book: Book, report: Report) -> None:
    findings, counters = report.findings, source.counters()
    for scope, ahead in book.ahead.items():
        if ahead:
            missing = sorted(set(range(book.last.get(scope, 0) + 1, max(ahead))) - ahead)
            told = ", ".join(map(str, missing[:10])) + (" …" if len(missing) > 10 else "")
            findings.add("number", f"Of {_scope(scope)} entries are missing: number {told}.")
    for scope, last in counters.items():
        reached = max([book.last.get(scope, 0), *book.ahead.get(scope, ())])
        if last != reached:
            findings.add("number", f"Of {_scope(scope)} the last entry has number {reached}, and {last} were counted.")
    for scope in book.last.keys() - counters.keys():
        if not _is_of_run(scope) or book.last[scope] > 1:
            findings.add("number", f"Of {_scope(scope)} nobody has counted the entries.")


def _check_anchors(
    trust: Trust,
    known: Ends,
    head: Seal | None,
    book: Book,
    report: Report,
    accept_set_back: bool,
) -> None:
    until = book.set_back_at if accept_set_back else None
    for told in trust.anchors:
        report.anchors += 1
        problem = _disagreement(told, known, head)
        if problem and told.anchor and until and told.anchor.at <= until:
            report.set_back += 1
        elif problem:
            report.findings.add("anchor", f"Anchor {told.where}: {problem}")
        elif told.anchor and told.anchor.total >= report.anchored:
            report.anchored, report.anchored_at = told.anchor.total, told.anchor.at


def _disagreement(told: Told, known: Ends, head: Seal | None) -> str:
    """Empty when the ledger has what the anchor says."""
    if told.anchor is None:
        return f"it {told.problem}."
    number, moment, found = told.anchor.batch, f"{told.anchor.at:%Y-%m-%d %H:%M:%S}", known[told.anchor.batch]
    if found is None:
        ends = head.header.number if head else 0
        return f"the ledger had come to batch {number} at {moment}; now it ends with {ends}."
    if found != (told.anchor.hash, told.anchor.total):
        return f"batch {number} is another one than at {moment}."
    return ""


def _anchored_batches(trust: Trust) -> Ends:
    return {told.anchor.batch: None for told in trust.anchors if told.anchor}


def _said(row: Row) -> str:
    return f"{row.verb}, number {row.seq} of {_scope(row.run_id or row.department)}, {row.at:%Y-%m-%d %H:%M:%S}"


def _scope(scope: str) -> str:
    if not scope:
        return "the server itself"
    return f"run {scope}" if _is_of_run(scope) else f"department {scope}"


def _is_of_run(scope: str) -> bool:
    try:
        return str(UUID(scope)) == scope
    except ValueError:
        return False


def _moment(id: str) -> str:
    """An id tells when it was made (RFC 9562 §5.7)."""
    try:
        return f"{datetime.fromtimestamp((UUID(id).int >> 80) / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return "of an unknown time"


def _range(seal: Seal) -> str:
    return f"entries {seal.header.first} to {seal.header.last}, sealed {seal.header.sealed_at:%Y-%m-%d %H:%M:%S}"
