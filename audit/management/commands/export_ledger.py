"""`manage.py export_ledger FILE`: the whole ledger with its seals as lines of JSON, which the verifier reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from audit import exporting
from audit.services import Server, record


class Command(BaseCommand):
    help = (
        "Write the whole ledger with its seals to a file of JSON lines. That it was taken along stands in the ledger."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                # One snapshot, so that no batch lacks its entries; it may take its time.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SET LOCAL statement_timeout = 0")
            entries = 0
            with file.open("w", encoding="utf-8") as out:
                for line in exporting.whole():
                    out.write(f"{line}\n")
                    entries += line.startswith('{"tandem": "entry"')
        with transaction.atomic():
            record("ledger.exported", actor=Server(), entries=entries)
        self.stdout.write(f"{entries} entries are in {file}.")
