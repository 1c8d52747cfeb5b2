"""`python3 manage.py up`: all of Tandem on this machine."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.up import up


class Command(BaseCommand):
    help = "Start Tandem: the servers it needs, the pages, the workers and the scheduler. Ctrl-C stops everything."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="run the example workflows to their end, print what came of them, stop"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(up(settings.ENV, check=options["check"]))
