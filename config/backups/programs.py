"""PostgreSQL's own programs, of a version that may speak to the server: those of the wheel, else those on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from psycopg.conninfo import make_conninfo

from config import embedded, parts
from config.env import Env
from config.processes import Process

LIBPQ = {
    *("hostaddr", "target_session_attrs", "load_balance_hosts", "passfile", "service", "require_auth"),
    *("sslmode", "sslnegotiation", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslsni"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "gssencmode", "krbsrvname"),
}
"""What says where the database is and who may be it. Not `options`: its limits of time are for pages."""


class CannotBackUp(Exception):
    """What is not so, and what to do."""


@contextmanager
def in_words() -> Iterator[None]:
    """What PostgreSQL, a migration or the disk refuses, as CannotBackUp."""
    try:
        yield
    except (psycopg.Error, DatabaseError, CommandError, OSError, tarfile.TarError) as error:
        raise CannotBackUp(f"That did not succeed: {str(error).strip() or type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Address:
    """A database as libpq names it; the password goes by the environment, where no list of processes shows it."""

    info: str
    password: str

    @classmethod
    def of(cls, name: str = "") -> Address:
        """The one that Django speaks to, or another one of the same server."""
        at = connection.settings_dict
        more = {key: value for key, value in at["OPTIONS"].items() if key in LIBPQ}
        told: dict[str, Any] = {
            "dbname": name or at["NAME"],
            "user": at["USER"],
            "host": at["HOST"],
            "port": at["PORT"],
        }
        return cls(make_conninfo("", **{key: value for key, value in told.items() if value}, **more), at["PASSWORD"])

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, **({"PGPASSWORD": self.password} if self.password else {})}


def run(name: str, server_version: int, *arguments: str, at: Address) -> str:
    """What it says. Raises CannotBackUp with its own words when it fails."""
    command = [str(_found(name, server_version // 10_000)), *arguments]
    done = subprocess.run(command, env=at.environment, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise CannotBackUp(f"{name} did not succeed. It says: {done.stderr.strip()[-1500:]}")
    return done.stdout


def _found(name: str, major: int) -> Path:
    """Older programs refuse a newer server; newer ones read older servers."""
    for path in _candidates(name):
        if (_major(path) or 0) >= major:
            return path
    raise CannotBackUp(
        f"{name} of PostgreSQL {major} or newer is needed for this server and is not here. Install Debian's package "
        f"postgresql-client-{major}, or run the command on a host that has it."
    )


def _candidates(name: str) -> Iterator[Path]:
    with suppress(parts.CannotEmbed):
        yield parts.postgres_programs() / name
    if path := shutil.which(name):
        yield Path(path)
    yield from sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)


def _major(path: Path) -> int | None:
    try:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True).stdout
    except OSError:
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


@contextmanager
def database_at_hand(env: Env) -> Iterator[None]:
    """The built-in server, where it is the one and `up` does not run it just now, for as long as this takes."""
    if not env.embeds_database or embedded.postgres_answers(env.home):
        yield
        return
    process = Process(parts.postgres(env.home))
    try:
        process.wait_until_ready()
        yield
    finally:
        connection.close()
        process.stop()
