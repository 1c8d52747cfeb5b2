"""PostgreSQL's data folder with Tandem's tables in it: migrated once for each state of the migrations, then copied.

Whoever needs a database of its own (each process of a session, each test that hurts one) begins with a copy, which
takes a second instead of the twenty of all migrations.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from config import embedded, parts
from config.env import ROOT
from config.processes import Process

SMALL: Final = ("--min_wal_size=32MB", "--max_wal_size=64MB")
DAY_S: Final = 86_400
ROOMS: Final = ("audit", "departments", "connectors", "workflows")


def cluster() -> Path:
    """A home with a stopped cluster, kept beside what npm gave until a migration changes."""
    front_end = Path(os.environ.get("TANDEM_TEST_FRONT_END") or ROOT / "var" / "front-end")
    place = front_end.parent / "test-clusters"
    place.mkdir(parents=True, exist_ok=True)
    made = place / _state()
    with _alone(place / "lock"):
        if not made.exists():
            _make(made)
    return made


def copied(cluster: Path, home: Path) -> Path:
    """The same cluster under another home; `home/postgres` may be a mounted disk already."""
    (home / "postgres").mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", f"{cluster / 'postgres'}/.", str(home / "postgres")], check=True)
    return home


def _state() -> str:
    """Of what makes the tables. What `migrate` brings up to date at each call is not among it."""
    files = [ROOT / "requirements.txt", *(file for room in ROOMS for file in (ROOT / room / "migrations").glob("*.py"))]
    return sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:12]


def _make(made: Path) -> None:
    _tidy(made.parent)
    draft = made.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    program = parts.postgres(draft, durable=False)
    server = Process(replace(program, command=[*program.command, *SMALL]))
    try:
        server.wait_until_ready()
        _migrate(draft)
    finally:
        server.stop()
    draft.rename(made)


def _tidy(place: Path) -> None:
    """Not those of today: another session may be using them."""
    for old in place.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > DAY_S:
            shutil.rmtree(old)


def _migrate(home: Path) -> None:
    changed = {"DATABASE_URL": embedded.database_url(home), "TANDEM_HOME": str(home), "TANDEM_NO_BOOTSTRAP": "1"}
    environment = {**os.environ, **changed, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
