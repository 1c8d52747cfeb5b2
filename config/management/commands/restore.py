"""`manage.py restore FOLDER`: a backup, beside what is there. Web, workers and scheduler must be stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backups import restoring
from config.backups.programs import CannotBackUp, database_at_hand
from departments import erasures


class Command(BaseCommand):
    help = (
        "Restore a backup into the database of DATABASE_URL, which is empty, or is kept under another name (--replace)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="what `backup` has made: tandem-…")
        parser.add_argument("--replace", action="store_true", help="keep the database that is there under another name")
        parser.add_argument(
            "--erased", type=Path, help="the register of erasures of another host (TANDEM_HOME/erased-people)"
        )
        parser.add_argument(
            "--without-keys", action="store_true", help="restore although keys are missing: sealed secrets stay closed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder, without = options["folder"].resolve(), options["without_keys"]
        if options["erased"]:
            erasures.add(*sorted(erasures.register(options["erased"])))
        try:
            with database_at_hand(settings.ENV):
                done = restoring.restore(folder, replace=options["replace"], take_keys_for_granted=without)
        except CannotBackUp as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"Restored as of {done.manifest.at}, with {done.files} files that were not there.")
        new = done.manifest.head.batch
        self.stdout.write(f"The ledger says so: it had come to batch {done.old.batch}, and goes on from batch {new}.")
        if done.erased_again:
            self.stdout.write(f"People who were erased after the backup, erased again: {done.erased_again}.")
        if done.kept_as:
            self.stdout.write(f"What was there before is kept as {done.kept_as}; remove it when nobody misses it.")
        self.stdout.write(
            "Start the scheduler, workers and web. Steps that may have been done already ask a person first."
        )
