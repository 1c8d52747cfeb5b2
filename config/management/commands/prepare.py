"""Bring the database, the seeded rows and the pages' files to this version. Repeating it changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit import history
from config import front_end, static_files
from config.postgres.waiting import NoDatabase, wait_for_database
from connectors.anchor_places import places
from departments import erasing, erasures


class Command(BaseCommand):
    help = (
        "Migrate the database, seed what is missing, collect the pages' files. For every start and every new version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--news", type=Path, help="write what the seed says to this file instead of the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wait_for_database()
        except NoDatabase as silence:
            raise CommandError(str(silence)) from None
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # a migration may take its time, a page may not
        with self._stage("The database is up to date"):
            call_command("migrate", verbosity=0, interactive=False)
        # A database that was set back says so before anybody works with it (rule A14).
        history.notice(places(settings.ENV.ledger_anchors, settings.LEDGER_ANCHORS))
        erasures.told()
        erasing.replay()  # nor is anybody there again who was erased (rule A11)
        if settings.ENV.static is None:
            with self._stage("The pages' files are in place"):
                self._collect_front_end()
        with self._stage("Departments, people and examples are there"):
            self._seed(options["news"])

    def _collect_front_end(self) -> None:
        try:
            front_end.build(settings.FRONT_END_DIR)
        except front_end.CannotBuild as problem:
            raise CommandError(str(problem)) from None
        static_files.collect()

    def _seed(self, news: Path | None) -> None:
        said = StringIO()
        if "seed" in get_commands():
            call_command("seed", stdout=said)
        if news:
            news.write_text(said.getvalue())
        else:
            self.stdout.write(said.getvalue())

    @contextmanager
    def _stage(self, done: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.stdout.write(f"          {done} ({time.monotonic() - began:.1f} s).")
        self.stdout.flush()
