"""`manage.py backup FOLDER`: the database and the files, while everything goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backups import making
from config.backups.programs import CannotBackUp, database_at_hand


class Command(BaseCommand):
    help = "Back up the database and the files into a new folder inside FOLDER, while everything goes on."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--without-files", action="store_true", help="they are backed up in another way")
        parser.add_argument(
            "--keys", type=Path, help="also write the keys of TANDEM_HOME to this file; keep it elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with database_at_hand(settings.ENV):
                made = making.back_up(options["folder"].resolve(), with_files=not options["without_files"])
            keys, not_here = making.keep_keys(options["keys"].resolve()) if options["keys"] else (None, [])
        except CannotBackUp as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"Backed up into {made}")
        if keys:
            self.stdout.write(f"The keys are in {keys}: keep them in another place than the backup.")
            for name in not_here:
                self.stdout.write(f"{name} came by a variable: keep that too.")
        else:
            self.stdout.write("It holds no keys: without those of the vault and the ledger it cannot be restored.")
