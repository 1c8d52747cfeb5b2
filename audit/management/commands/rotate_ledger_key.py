"""`manage.py rotate_ledger_key codes|seals`: from now on new entries are coded, or batches signed, with another key."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.services import Server, record


class Command(BaseCommand):
    help = "Make a new key of the ledger: for the codes of entries (codes) or the signatures of batches (seals)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("purpose", choices=["codes", "seals"])

    def handle(self, *, purpose: str, **options: Any) -> None:
        ring = settings.LEDGER_KEYS if purpose == "codes" else settings.LEDGER_SIGNING_KEYS
        if ring.are_given:
            raise CommandError("The keys are given in the environment: put the new one before the others there.")
        name = ring.add()
        with transaction.atomic():
            record("ledger.key_changed", actor=Server(), purpose=purpose, key=name)
        when = "each process takes it when it starts anew" if purpose == "codes" else "the next batch is signed with it"
        self.stdout.write(
            f"The key {name} is made; {when}. The older ones must stay: they verify what they were used for."
        )
