"""A ledger that was set back to an earlier state says so itself, with its old and its new end (rule A14)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from audit.anchoring import InFile, Place
from audit.models import Batch, Entry
from audit.services import Server, record

log = logging.getLogger(__name__)
VERB = "ledger.history_replaced"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a ledger: its last batch. Number 0: nothing is sealed yet, or nobody knows."""

    batch: int = 0
    hash: str = ""


def furthest(places: Iterable[Place]) -> Head | None:
    """The last batch that any anchor in a file tells of."""
    told = [place.last() for place in places if isinstance(place, InFile)]
    heads = [Head(each["batch"], each["hash"]) for each in told if each]
    return max(heads, key=lambda head: head.batch, default=None)


def notice(places: Iterable[Place]) -> bool:
    """Look whether the anchors know of a batch that is not here, and write that down."""
    told = furthest(places)
    if told is None or _is_known(told) or _is_said(told):
        return False
    log.error("%s: an anchor tells of a batch %s that is not here", VERB, told.batch)
    write(told)
    return True


def write(old: Head, restored_from: str = "") -> None:
    head = Batch.objects.order_by("-number").values_list("number", "hash").first()
    new = Head(head[0], bytes(head[1]).hex()) if head else Head()
    with transaction.atomic():
        record(
            VERB,
            actor=Server(),
            old_batch=old.batch,
            old_hash=old.hash,
            new_batch=new.batch,
            new_hash=new.hash,
            restored_from=restored_from,
        )


def _is_said(old: Head) -> bool:
    said = Entry.objects.filter(verb=VERB, department="", detail__old_batch=old.batch, detail__old_hash=old.hash)
    return said.exists()


def _is_known(head: Head) -> bool:
    held = Batch.objects.filter(pk=head.batch).values_list("hash", flat=True).first()
    return held is not None and bytes(held).hex() == head.hash
