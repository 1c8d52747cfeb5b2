"""A small ledger, written and sealed as in life."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit.anchoring import InFile
from audit.models import Entry
from audit.sealer import Sealer
from audit.services import record
from departments.access import Actor

CLARA = Actor(kind="person", id="0190b2b0-0000-7000-8000-000000000001", label="Clara Vogel")


def deed(verb: str = "workflow.created", department: str = "legal", run_id: UUID | None = None, **told: Any) -> Entry:
    with transaction.atomic():
        return record(verb, actor=CLARA, department=department, run_id=run_id, **told)


def sealer(folder: Path) -> Sealer:
    return Sealer([InFile(folder / "anchors.jsonl")], folder / "public-keys")


def seal(sealer: Sealer) -> None:
    sealer.tick(at_once=True)


def anchors(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "anchors.jsonl").read_text().splitlines()]


def mac_keys(folder: Path) -> Path:
    """A copy for who verifies."""
    path = folder / "mac-keys"
    path.write_text((settings.ENV.home / "ledger-keys").read_text())
    return path
