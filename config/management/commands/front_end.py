"""Fetch the front-end libraries and collect the files that the pages use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import front_end


class Command(BaseCommand):
    help = "Fetch the front-end libraries by npm and collect the files that the pages use."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = front_end.build(settings.FRONT_END_DIR)
        except front_end.CannotBuild as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{settings.FRONT_END_DIR}: {'collected anew' if changed else 'already as it should be'}.")
