"""Fetch the front-end libraries and collect the files that the pages use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import front_end, static_files


class Command(BaseCommand):
    help = "Fetch the front-end libraries by npm and collect the files that the pages use."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--collect", action="store_true", help="also collect the pages' files, as an image needs them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = front_end.build(settings.FRONT_END_DIR)
        except front_end.CannotBuild as problem:
            raise CommandError(str(problem)) from None
        if options["collect"]:
            static_files.collect()
        self.stdout.write(f"{settings.FRONT_END_DIR}: {'collected anew' if changed else 'already as it should be'}.")
