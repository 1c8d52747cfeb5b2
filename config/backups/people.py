"""What a backup must not bring back: who was erased since, and the keys of their words (rule A11).

The keys are in no backup of the database. They lie beside all of them in one file that each backup writes anew, so that
the key of somebody erased is nowhere any more after the next night.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from audit.models import DataKey
from departments import erasing, erasures
from departments.models import User

FILE: Final = "data-keys"
TABLE: Final = "audit_datakey"
Keys = list[tuple[str, str, str]]
"""Whose, the wrapped key in hex, and the name of the key of the ledger that opens it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database that is replaced knows of people."""

    keys: Keys
    erased: tuple[str, ...]


def keep_keys(into: Path) -> None:
    rows = DataKey.objects.order_by("pk").values_list("subject", "wrapped", "key_id").iterator()
    told = [(subject, bytes(wrapped).hex(), key_id) for subject, wrapped, key_id in rows]
    draft = into / f".{FILE}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(told))
    draft.replace(into / FILE)


def known(session: psycopg.Connection[Any]) -> Known:
    """Nothing of what an older version has not."""
    has_keys = session.execute("SELECT to_regclass(%s)", [TABLE]).fetchone() != (None,)
    keys = (
        session.execute(f"SELECT subject, encode(wrapped, 'hex'), key_id FROM {TABLE}").fetchall() if has_keys else []
    )
    erased = session.execute("SELECT object_id FROM audit_entry WHERE verb = %s", [erasures.VERB]).fetchall()
    return Known([(subject, wrapped, key_id) for subject, wrapped, key_id in keys], tuple(id for (id,) in erased))


def bring_back(beside: Path, there: Known) -> int:
    """Into the restored database: the keys of today, and then the erasures of since. How many people were erased again.

    The keys come from the file beside the backups and, before it, from the database that is replaced: whoever of either
    was erased is in the register.
    """
    file = beside / FILE
    kept: Keys = json.loads(file.read_text()) if file.exists() else []
    told = {subject: (subject, box, name) for subject, box, name in [*kept, *there.keys]}
    gone = {str(pk) for pk in User.objects.exclude(erased_at=None).values_list("pk", flat=True)}
    rows = [
        DataKey(subject=subject, wrapped=bytes.fromhex(box), key_id=name)
        for subject, box, name in told.values()
        if subject not in gone
    ]
    DataKey.objects.bulk_create(rows, ignore_conflicts=True)
    erasures.told(there.erased)
    return erasing.replay()
