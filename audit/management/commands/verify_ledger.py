"""`manage.py verify_ledger`: the verifier (audit/verify) with what this server knows: its database, keys and anchors.

It leaves the process with the verifier's exit code: 0 nothing found, 1 something, 2 could not look.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from psycopg.conninfo import make_conninfo

from audit.verify.__main__ import add_arguments, perform


class Command(BaseCommand):
    help = "Verify the whole ledger: codes, seals, anchors, numbers, and what it tells of. Exit 0, 1 or 2."

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)
        parser.set_defaults(
            source=_database(),
            public_keys=str(settings.LEDGER_PUBLIC_KEYS),
            anchors=[str(path) for path in _anchor_files() if path.exists()],
            code_keys="env:TANDEM_LEDGER_KEYS" if settings.LEDGER_KEYS.are_given else str(settings.LEDGER_KEYS.file),
        )

    def handle(self, **options: Any) -> None:
        sys.exit(perform(Namespace(**options)))


def _database() -> str:
    """The one that Django would use, in the test too; psycopg reads it."""
    known = connection.settings_dict
    named = {"dbname": known["NAME"], "user": known["USER"], "password": known["PASSWORD"]}
    return make_conninfo(**named, host=known["HOST"], port=known["PORT"])


def _anchor_files() -> list[Path]:
    """Those among the anchors' places that can be read from here."""
    places = [urlsplit(each.strip()) for each in settings.ENV.ledger_anchors.split(",") if each.strip()]
    return [Path(unquote(place.path)) for place in places if place.scheme == "file"] or [settings.LEDGER_ANCHORS]
