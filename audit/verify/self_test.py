"""The verifier against a copy of the ledger that somebody tampers with (rule A9): it must find every manipulation.

The forger is the owner of the database: no trigger and no grant stops them. What they have besides is said with each.
Nothing of it stays: all happens in one transaction that is never committed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .checking import Report, verify
from .copying import CODE, Copy, copied
from .encoding import COLUMNS, Row

Tamper = Callable[[Copy], None]


@dataclass(frozen=True)
class Outcome:
    """One manipulation: whether it was found, and with which words first."""

    name: str
    found: bool
    said: str


def self_test(connection: Any) -> Iterator[Outcome]:
    """Each manipulation in turn, after one look at the copy as it is. The connection is rolled back at the end."""
    schema = f"ledger_self_test_{uuid.uuid4().hex[:12]}"
    try:
        copy = copied(connection, schema)
        whole = verify(copy.source, copy.trust)
        yield Outcome("nothing: the copy as it is", not whole.findings.count, _first(whole) or "nothing was found")
        for name, tamper in TAMPERINGS.items():
            connection.execute("SAVEPOINT untouched")
            tamper(copy)
            report = verify(copy.source, copy.trust)
            connection.execute("ROLLBACK TO SAVEPOINT untouched")
            yield Outcome(name, bool(report.findings.count), _first(report))
    finally:
        connection.rollback()


def _first(report: Report) -> str:
    return report.findings.told[0][1] if report.findings.told else ""


# ── what can be done to a ledger ─────────────────────────────────────────────────────────────────────────────────────


def _column(name: str) -> Tamper:
    changed = {
        "id": "overlay(id::text placing 'ffff' from 33 for 4)::uuid",
        "run_id": "gen_random_uuid()",
        "at": "at + interval '1 microsecond'",
        "detail": """jsonb_set(detail, '{forged}', '1')""",
        "seq": "seq + 1000",
        "form": "0",
        "mac": "set_byte(mac, 31, get_byte(mac, 31) # 1)",
    }.get(name, f"left({name}, -1) || CASE right({name}, 1) WHEN 'x' THEN 'y' ELSE 'x' END")

    def tamper(copy: Copy) -> None:
        _demand(copy.run(f"UPDATE audit_entry SET {name} = {changed} WHERE id = %s", _a_sealed(copy).id))

    return tamper


def _payload_with_code(copy: Copy) -> None:
    row = _a_sealed(copy)
    forged = copy.coded(row._replace(actor_label="Somebody else"))
    _demand(
        copy.run("UPDATE audit_entry SET actor_label = %s, mac = %s WHERE id = %s", *forged[5:6], forged.mac, row.id)
    )


def _batches_without_key(copy: Copy) -> None:
    _payload_with_code(copy)
    copy.seal_anew(_batch_of(copy, _a_sealed(copy)), key=Ed25519PrivateKey.generate())


def _batches_with_key(copy: Copy) -> None:
    _payload_with_code(copy)
    copy.seal_anew(_batch_of(copy, _a_sealed(copy)))


def _delete(*which: int) -> Tamper:
    """Entries by their place among the sealed ones."""

    def tamper(copy: Copy) -> None:
        ids = [id for seal in copy.seals() for id in seal.entries]
        _demand(copy.run("DELETE FROM audit_entry WHERE id::text = ANY(%s)", [ids[place] for place in which]))

    return tamper


def _delete_run(copy: Copy) -> None:
    run = next(row.run_id for row in copy.rows() if row.run_id)
    for table, column in (("audit_entry", "run_id"), ("workflows_run", "id"), ("workflows_journalentry", "run_id")):
        copy.run(f"DELETE FROM {table} WHERE {column} = %s", run)
    copy.run("DELETE FROM audit_counter WHERE scope = %s", run)


def _delete_batch(copy: Copy) -> None:
    seal = copy.seals()[1]
    copy.run("DELETE FROM audit_entry WHERE id::text = ANY(%s)", list(seal.entries))
    _demand(copy.run("DELETE FROM audit_batch WHERE number = %s", seal.header.number))


def _cut_back(batches: int) -> Tamper:
    """The ledger as it was so many batches ago: entries, queue, counters and business with it."""

    def tamper(copy: Copy) -> None:
        gone = copy.seals()[-batches:]
        copy.run("DELETE FROM audit_batch WHERE number >= %s", gone[0].header.number)
        copy.run("DELETE FROM audit_entry WHERE id::text >= %s", gone[0].header.first)
        copy.run("DELETE FROM audit_unsealed")
        copy.run("DELETE FROM audit_counter")
        copy.run(
            "INSERT INTO audit_counter SELECT coalesce(run_id::text, department), max(seq) FROM audit_entry GROUP BY 1"
        )
        copy.run("DELETE FROM workflows_decision WHERE task_id::text NOT IN (SELECT object_id FROM audit_entry)")
        for table, column in (("workflows_run", "id"), ("workflows_journalentry", "run_id")):
            copy.run(
                f"DELETE FROM {table} WHERE {column} NOT IN (SELECT run_id FROM audit_entry WHERE run_id IS NOT NULL)"
            )

    return tamper


def _swap(column: str) -> Tamper:
    def tamper(copy: Copy) -> None:
        one, other = _two_sealed(copy)
        for row, value in ((one, getattr(other, column)), (other, getattr(one, column))):
            copy.run(f"UPDATE audit_entry SET {column} = %s WHERE seq = %s AND mac = %s", value, row.seq, row.mac)

    return tamper


def _swap_batches(copy: Copy) -> None:
    copy.run("UPDATE audit_batch SET number = CASE number WHEN 1 THEN 2 ELSE 1 END WHERE number IN (1, 2)")


def _swap_leaves(copy: Copy) -> None:
    copy.run("UPDATE audit_batch SET entries = entries[2:2] || entries[1:1] || entries[3:] WHERE number = 2")


def _forge(*, queued: bool, in_batch: bool = False) -> Tamper:
    """An entry of the right shape with a number that fits and a code that was guessed."""

    def tamper(copy: Copy) -> None:
        model = _a_sealed(copy)
        seq = copy.connection.execute(
            "UPDATE audit_counter SET last = last + 1 WHERE scope = %s RETURNING last",
            [model.run_id or model.department],
        ).fetchone()
        fresh = model._replace(id=str(uuid.uuid4()), seq=seq[0] if seq else 2, actor_label="Forged", verb="group.made")
        copy.insert(fresh._replace(at=model.at - timedelta(hours=1), mac=bytes(32), mac_key=CODE))
        if queued:
            copy.run("INSERT INTO audit_unsealed VALUES (%s)", fresh.id)
        if in_batch:
            copy.run(
                "UPDATE audit_batch SET entries = entries || %s::uuid, count = count + 1 WHERE number = 2", fresh.id
            )

    return tamper


def _delete_unsealed(copy: Copy) -> None:
    """Within the seconds before the next seal, out of the queue too."""
    id = _an_unsealed(copy)
    copy.run("DELETE FROM audit_unsealed WHERE entry_id = %s", id)
    _demand(copy.run("DELETE FROM audit_entry WHERE id = %s", id))


def _delete_unsealed_and_counter(copy: Copy) -> None:
    """And counted back; what it was about is left."""
    deed = next(row for row in copy.rows() if row.id == _an_unsealed(copy, "task.decided"))
    _delete_one(copy, deed)


def _delete_one(copy: Copy, deed: Row) -> None:
    copy.run("DELETE FROM audit_unsealed WHERE entry_id = %s", deed.id)
    copy.run("DELETE FROM audit_entry WHERE id = %s", deed.id)
    copy.run("UPDATE audit_counter SET last = last - 1 WHERE scope = %s", deed.run_id or deed.department)


def _empty_queue(copy: Copy) -> None:
    copy.run("DELETE FROM audit_unsealed")


def _counters(copy: Copy) -> None:
    _demand(copy.run("UPDATE audit_counter SET last = last + 1"))


def _foreign_signature(copy: Copy) -> None:
    copy.run("UPDATE audit_batch SET signature = (SELECT signature FROM audit_batch WHERE number = 1) WHERE number = 2")


def _total(copy: Copy) -> None:
    copy.run("UPDATE audit_batch SET total = total - 1 WHERE number = 2")


def _in_rows(statement: str) -> Tamper:
    def tamper(copy: Copy) -> None:
        _demand(copy.run(statement))

    return tamper


TAMPERINGS: dict[str, Tamper] = {
    **{f"the column {name} of a sealed entry changed": _column(name) for name in COLUMNS},
    "an entry changed, with the key of its code": _payload_with_code,
    "all later batches made anew, without the sealer's key": _batches_without_key,
    "all later batches made anew, with the sealer's key": _batches_with_key,
    "one sealed entry deleted": _delete(5),
    "the first entry deleted": _delete(0),
    "the last sealed entry deleted": _delete(-1),
    "a whole run deleted, with its entries": _delete_run,
    "a whole batch deleted, with its entries": _delete_batch,
    "the last batch cut off, with all that hangs on it": _cut_back(1),
    "set back to an earlier state": _cut_back(4),
    "the times of two entries swapped": _swap("at"),
    "the ids of two entries swapped": _swap("id"),
    "the numbers of two entries swapped": _swap("seq"),
    "two batches swapped": _swap_batches,
    "the order inside a batch changed": _swap_leaves,
    "a forged entry waiting for its seal": _forge(queued=True),
    "a forged entry beside the queue": _forge(queued=False),
    "a forged entry put into a sealed batch": _forge(queued=False, in_batch=True),
    "an unsealed entry deleted": _delete_unsealed,
    "an unsealed entry deleted and counted back, its decision left": _delete_unsealed_and_counter,
    "the queue of the sealer emptied": _empty_queue,
    "the counters moved": _counters,
    "the signature of another batch": _foreign_signature,
    "the total of a batch changed": _total,
    "a run deleted, its entries left": _in_rows(
        "DELETE FROM workflows_run WHERE id IN (SELECT id FROM workflows_run LIMIT 1)"
    ),
    "a decision without an entry": _in_rows("INSERT INTO workflows_decision VALUES (gen_random_uuid(), 'page')"),
    "words of a person taken away, and nobody erased": _in_rows("DELETE FROM audit_payload"),
    "words of a person changed": _in_rows(
        "UPDATE audit_payload SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE sealed <> ''"
    ),
    "the key of a person's words taken away, and nobody erased": _in_rows(
        "DELETE FROM audit_datakey WHERE wrapped <> ''"
    ),
    "words of a person put under somebody else": _in_rows("UPDATE audit_payload SET subject = 'x' WHERE sealed <> ''"),
    "a line of a journal deleted": _in_rows(
        "DELETE FROM workflows_journalentry WHERE run_id IN (SELECT run_id FROM workflows_journalentry LIMIT 1)"
    ),
}


def _a_sealed(copy: Copy) -> Row:
    """One in the second batch."""
    id = copy.seals()[1].entries[2]
    return next(row for row in copy.rows() if row.id == id)


def _two_sealed(copy: Copy) -> tuple[Row, Row]:
    ids = copy.seals()[1].entries
    one, other = (next(row for row in copy.rows() if row.id == id) for id in (ids[1], ids[2]))
    return one, other


def _batch_of(copy: Copy, row: Row) -> int:
    return next(seal.header.number for seal in copy.seals() if row.id in seal.entries)


def _an_unsealed(copy: Copy, verb: str = "") -> str:
    found = copy.connection.execute(
        "SELECT entry_id::text FROM audit_unsealed JOIN audit_entry ON id = entry_id ORDER BY verb = %s DESC, id",
        [verb],
    ).fetchone()
    return str(found[0])


def _demand(touched: int) -> None:
    """A manipulation that changes nothing proves nothing."""
    if not touched:
        raise AssertionError("the manipulation touched no row")
