"""`manage.py rotate_vault_key`: a new key for the vault, and every secret brought under it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.services import record
from connectors import vault
from departments.access import SYSTEM


class Command(BaseCommand):
    help = "Make a new key for the vault and bring every secret under it; may be stopped and begun again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--go-on", action="store_true", help="make no new key, only finish what was begun")

    def handle(self, *, go_on: bool, **options: Any) -> None:
        if not go_on and not settings.VAULT_KEYS.are_given:
            settings.VAULT_KEYS.add()
        try:
            moved = self._rewrap()
        except vault.CannotOpen as error:
            raise CommandError(f"{error} The others go on with: manage.py rotate_vault_key --go-on") from None
        newest, *older = settings.VAULT_KEYS.known
        with transaction.atomic():
            record("vault.rotated", actor=SYSTEM, thing=None, key=newest, secrets=moved)
        self.stdout.write(f"{moved} secrets are under the key {newest} now.")
        if older:
            self.stdout.write(f"No secret needs these any more, but backups may: {', '.join(older)}.")

    def _rewrap(self) -> int:
        moved = 0
        while left := vault.under_old_keys():
            moved += vault.rewrap_some()
            self.stdout.write(f"{left} to go", ending="\r")
        return moved
