"""The register of erasures (rule A11): a file beside the database, so that a restored backup forgets no erasure.

It holds ids alone, of people and of runs, which say nothing once those are erased; the ledger has them too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from audit.models import Entry

VERB = "person.erased"


PERSON, RUN = "person", "run"


def register(file: Path | None = None, kind: str = PERSON) -> set[str]:
    """Ids of who or what was erased, as this host knows it, or as another has written it down."""
    found = set()
    with suppress(FileNotFoundError):
        for line in (file or _file()).read_text().splitlines():
            with suppress(ValueError, KeyError, TypeError):
                found.add(str(UUID(json.loads(line)[kind])))
    return found


def add(*ids: str, kind: str = PERSON) -> None:
    """Whoever is not in it yet."""
    known = register(kind=kind)
    new = [id for id in ids if id not in known]
    if not new:
        return
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    with os.fdopen(os.open(_file(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.writelines(json.dumps({"tandem": "erased", kind: id, "at": now}) + "\n" for id in new)
        file.flush()
        os.fsync(file.fileno())


def told(ids: Iterable[str] = ()) -> None:
    """Bring the file to what the ledger knows, and to these: another host may have erased somebody."""
    add(*sorted({*Entry.objects.filter(department="", verb=VERB).order_by().values_list("object_id", flat=True), *ids}))


def _file() -> Path:
    path: Path = settings.ENV.home / "erased-people"
    return path
