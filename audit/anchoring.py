"""Telling places outside the database how far the ledger has come (rule A6): without them, a ledger cut back to an
earlier state looks whole.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from audit import sealing
from audit.models import Anchored, Batch
from audit.verify import encoding
from audit.verify.encoding import Anchor

log = logging.getLogger(__name__)


class CannotAnchor(Exception):
    """A place did not take it, in a sentence."""


class Place(Protocol):
    """Where anchors go."""

    @property
    def name(self) -> str: ...

    def put(self, anchor: Anchor, line: str) -> None:
        """Keep the line. Raises CannotAnchor."""
        ...


@dataclass(frozen=True, slots=True)
class InFile:
    """A file that is only added to. On another machine, or set to append-only by its owner, it is worth most."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def put(self, anchor: Anchor, line: str) -> None:
        try:
            with self.path.open("ab") as file:
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise CannotAnchor(f"The file cannot be written: {error.strerror}.") from None

    def last(self) -> dict[str, Any] | None:
        """What it was told last; None where that is nothing that can be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - 4096))
                found: dict[str, Any] = json.loads(file.read().splitlines()[-1])
                return found
        except (OSError, ValueError, IndexError):
            return None


def anchor_of(batch: Batch, at: datetime) -> tuple[Anchor, str]:
    """The end of the ledger as a signed line."""
    name, key = sealing.signer()
    anchor = Anchor(batch.number, bytes(batch.hash), batch.total, at, name)
    return anchor, line_of(anchor, key)


def line_of(anchor: Anchor, key: Ed25519PrivateKey) -> str:
    told = {
        "tandem": "anchor",
        "batch": anchor.batch,
        "hash": anchor.hash.hex(),
        "total": anchor.total,
        "at": encoding.time_text(anchor.at),
        "key_id": anchor.key_id,
        "signature": key.sign(encoding.signed_of_anchor(anchor)).hex(),
    }
    return json.dumps(told)


def tell(places: Sequence[Place], batch: Batch) -> bool:
    """Tell all of them, outside any transaction; whether all have taken it. The ledger's page shows each failure."""
    anchor, line = anchor_of(batch, sealing.clock())
    taken = [_told(place, anchor, line) for place in places]
    return all(taken)


def _told(place: Place, anchor: Anchor, line: str) -> bool:
    try:
        place.put(anchor, line)
    except CannotAnchor as error:
        log.error("ledger.not_anchored at %s: %s", place.name, error)
        failed = {"error": str(error)[:300], "failing_since": Coalesce(F("failing_since"), Now())}
        _keep(place, failed, {**failed, "failing_since": Now()})
        return False
    told = {"batch": anchor.batch, "at": anchor.at, "error": "", "failing_since": None}
    _keep(place, told, told)
    return True


def _keep(place: Place, change: dict[str, Any], new: dict[str, Any]) -> None:
    Anchored.objects.update_or_create(place=place.name[:200], defaults=change, create_defaults=new)


def publish_keys(path: Path) -> None:
    """The public keys for whoever verifies, newest first; those that this server no longer holds stay."""
    ours = {
        name: Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for name, secret in settings.LEDGER_SIGNING_KEYS.known.items()
    }
    lines = [f"{name}:{base64.b64encode(key).decode()}" for name, key in ours.items()]
    known = path.read_text().split() if path.exists() else []
    wanted = [*lines, *(line for line in known if line.partition(":")[0] not in ours)]
    if wanted != known:
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text("\n".join(wanted) + "\n")
        draft.replace(path)
