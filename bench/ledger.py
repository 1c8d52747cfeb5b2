"""`python -m bench.ledger verify N`: how long the sealer and the verifier take for so many entries (JSON)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from config.env import ROOT

ENTRIES_OF_RUN = 3


def verify(count: int) -> dict[str, Any]:
    """So many entries, sealed by the sealer, then the verifier with everything it can be given, as its own process."""
    from django.conf import settings

    from audit import anchoring, sealing
    from audit.models import Batch

    wrote_s = _timed(lambda: _write(count))
    anchoring.publish_keys(settings.LEDGER_PUBLIC_KEYS)
    place = anchoring.InFile(settings.DATA_DIR / "bench-anchors.jsonl")  # not that of the server beside
    place.path.unlink(missing_ok=True)
    began = time.monotonic()
    while sealing.seal(set()):
        anchoring.tell([place], Batch.objects.order_by("-number")[0])
    sealed_s = time.monotonic() - began
    began = time.monotonic()
    command = [sys.executable, "manage.py", "verify_ledger", "--json", "--anchors", str(place.path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    took_s = time.monotonic() - began
    told = json.loads(done.stdout)
    assert (done.returncode, told["entries"], told["anchored"]) == (0, count, count), told["findings"][:3]
    return {"took_s": took_s, "wrote_s": wrote_s, "sealed_s": sealed_s, "batches": told["batches"]}


def _write(count: int) -> None:
    """As `record` writes them, but many at once."""
    from django.db import connection, transaction

    from audit.verify.encoding import COLUMNS

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        with cursor.copy(f"COPY audit_entry ({', '.join(COLUMNS)}) FROM STDIN") as rows:
            for values in _entries(count):
                rows.write_row(values)
        cursor.execute("INSERT INTO audit_unsealed SELECT id FROM audit_entry")
        cursor.execute(
            "INSERT INTO audit_counter SELECT coalesce(run_id::text, department), max(seq) FROM audit_entry GROUP BY 1"
        )
        cursor.execute("ANALYZE audit_entry, audit_unsealed")


def _entries(count: int) -> Iterator[list[Any]]:
    from django.conf import settings
    from uuid_utils.compat import uuid7

    from audit.verify.encoding import FORM, Row, entry_bytes, mac_of

    name, key = next(iter(settings.LEDGER_KEYS.known.items()))
    began, run = datetime.now(UTC) - timedelta(days=30), UUID(int=0)
    for number in range(count):
        seq = number % ENTRIES_OF_RUN + 1
        run = uuid7() if seq == 1 else run
        detail = {
            "decision": "approve",
            "reason": "It reads well, and the figures are right.",
            "edited": True,
            "n": number,
        }
        who = ("person", str(UUID(int=number % 500)), "Clara Vogel")
        what = ("thing.done", "task", str(run), "Press mention triage 0190b2b0")
        row = Row(
            str(uuid7()),
            began + timedelta(seconds=number),
            f"d{number % 7}",
            *who,
            *what,
            str(run),
            seq,
            detail,
            FORM,
            name,
            b"",
        )
        yield [*row[:12], json.dumps(detail), *row[13:15], mac_of(entry_bytes(row), key)]


def _timed(do: Any) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    print(json.dumps(verify(int(sys.argv[2]))))


if __name__ == "__main__":
    main()
