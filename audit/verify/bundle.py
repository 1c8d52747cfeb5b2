"""The entries of one run with the way of each to a signed batch: proof that needs nothing else of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import tree
from .encoding import Row, batch_hash, entry_bytes, leaf_of, mac_of, parse
from .sources import CannotRead, Seal, row_of, seal_of
from .trust import Trust

BEGINS = '{"tandem": "bundle"'


def is_bundle(given: str) -> bool:
    path = Path(given)
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINS)) == BEGINS.encode()
    except OSError:
        return False


def verify_bundle(path: Path, trust: Trust) -> tuple[list[str], list[str]]:
    """What does not agree, and what the entries are. Raises CannotRead."""
    try:
        told = parse(path.read_text(encoding="utf-8"))
        seals = {int(each["number"]): seal_of({**each, "entries": []}) for each in told["batches"]}
        entries = [(row_of(each["entry"]), each) for each in told["entries"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotRead(f"{path} is no bundle: {error}") from None
    problems = [problem for seal in seals.values() for problem in _of_seal(seal, trust)]
    for row, each in entries:
        problems += _of_entry(row, each, seals, trust)
    problems += _of_numbers([row for row, _ in entries], str(told["run"]))
    return problems, [f"{len(entries)} entries of run {told['run']}, in {len(seals)} signed batches."]


def _of_seal(seal: Seal, trust: Trust) -> list[str]:
    name = f"Batch {seal.header.number}"
    if seal.hash != batch_hash(seal.header):
        return [f"{name} is not what its hash says."]
    if not trust.has_signed(seal.header.key_id, seal.hash, seal.signature):
        return [f"{name} is not signed by the sealer (key “{seal.header.key_id}”)."]
    known = [told.anchor for told in trust.anchors if told.anchor and told.anchor.batch == seal.header.number]
    return [f"{name} is another one than its anchor says." for anchor in known if anchor.hash != seal.hash]


def _of_entry(row: Row, each: dict[str, Any], seals: dict[int, Seal], trust: Trust) -> list[str]:
    entry = entry_bytes(row)
    if trust.codes and row.mac_key in trust.codes and mac_of(entry, trust.codes[row.mac_key]) != row.mac:
        return [f"Entry {row.id} was changed, or not written by Tandem."]
    if each["batch"] is None:
        return [f"Entry {row.id} is not sealed yet. Ask again in a few seconds."]
    seal = seals.get(int(each["batch"]))
    way = [bytes.fromhex(neighbour) for neighbour in each["way"]]
    root = seal and tree.leads_to(leaf_of(entry, row.mac), int(each["position"]), seal.header.size, way)
    if seal is None or root != seal.header.root:
        return [f"Entry {row.id} does not stand in batch {each['batch']} like this: it was changed."]
    return []


def _of_numbers(rows: list[Row], run: str) -> list[str]:
    numbers = sorted(row.seq for row in rows if row.run_id == run)
    if len(numbers) == len(rows) and numbers == list(range(1, len(rows) + 1)):
        return []
    return [f"The entries of run {run} have the numbers {numbers}: some are missing, or belong to another run."]
