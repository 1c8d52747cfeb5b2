"""A PostgreSQL server of a test's own, from the wheel that the product embeds, that can be hurt.

server = Server(folder).start()          an empty cluster, or the one that stands there
with server.as_the_database():           the ORM of this process speaks to it; nothing of pytest-django's is touched
    ...
server.freeze(), .thaw(), .kill(), .restart(down_s=1), .cut_sessions(dice, 0.5), .hold_connections(), .promote()
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psutil
import psycopg
from django.db import connection

from config import embedded, parts
from config.processes import Process

BINARIES: Final = Path(parts.postgres(Path("/nowhere")).command[0]).parent
QUICK: Final = {"shared_buffers": "32MB", "max_wal_size": "64MB", "min_wal_size": "32MB", "max_connections": "100"}


@dataclass
class Server:
    """One cluster under `home`. `options` are settings of PostgreSQL, `environment` that of its processes."""

    home: Path
    options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: Process | None = None

    # Life -----------------------------------------------------------------------------------------------------------

    def start(self) -> Server:
        """Returns when it answers. Call it from the main thread: the server ends with that."""
        program = parts.postgres(self.home)
        options = [f"--{name}={value}" for name, value in {**QUICK, **self.options}.items()]
        command = [*program.command, *options]
        self.process = Process(replace(program, command=command, env=self.environment, stop_within_s=30))
        self.process.wait_until_ready()
        return self

    def stop(self) -> None:
        """As an administrator does it: sessions are cut, everything is written out."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def kill(self) -> None:
        """As a power cut does it: every process of the server at once."""
        for each in self.processes():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        if self.process is not None:
            self.process.kill()
            self.process = None

    def restart(self, down_s: float = 0.0, *, hard: bool = False) -> None:
        (self.kill if hard else self.stop)()
        time.sleep(down_s)
        self.start()

    def freeze(self) -> None:
        """Alive and silent: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def processes(self) -> list[psutil.Process]:
        """The server and its children, each of which is in a session of its own."""
        if self.process is None:
            return []
        try:
            server = psutil.Process(self.process.pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _signal(self, which: signal.Signals) -> None:
        for each in self.processes():
            with suppress(psutil.NoSuchProcess):
                each.send_signal(which)

    # Ways in --------------------------------------------------------------------------------------------------------

    @property
    def sockets(self) -> Path:
        return embedded.postgres_sockets(self.home)

    @property
    def url(self) -> str:
        return embedded.database_url(self.home)

    def connect(self, database: str = "tandem") -> psycopg.Connection[Any]:
        """A session of the test's own, outside Django."""
        return psycopg.connect(host=str(self.sockets), user="postgres", dbname=database, autocommit=True)

    @contextmanager
    def as_the_database(self, host: str = "") -> Iterator[None]:
        """Let Django in this process speak to this server. `host`: other addresses of it, libpq's way."""
        with speaking_to({"NAME": "tandem", "USER": "postgres", "HOST": host or str(self.sockets), "PORT": ""}):
            yield

    # Blows ----------------------------------------------------------------------------------------------------------

    def cut_sessions(self, dice: random.Random, share: float) -> int:
        """End that share of all sessions but our own; how many."""
        with self.connect() as session:
            found = session.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
            chosen = [pid for (pid,) in found if dice.random() < share]
            for pid in chosen:
                session.execute("SELECT pg_terminate_backend(%s)", [pid])
        return len(chosen)

    @contextmanager
    def hold_connections(self) -> Iterator[int]:
        """Take every connection that is still free; how many."""
        held: list[psycopg.Connection[Any]] = []
        try:
            while True:
                held.append(self.connect())
        except psycopg.OperationalError as error:
            if "too many clients" not in str(error) and "remaining connection slots" not in str(error):
                raise
        try:
            yield len(held)
        finally:
            for each in held:
                each.close()

    def promote(self) -> None:
        """Make a standby the primary; returns when it takes writes."""
        with self.connect() as session:
            assert session.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)


def standby_of(primary: Server, home: Path) -> Server:
    """A synchronous standby of a running primary, started; the primary acknowledges nothing that it does not have."""
    data = home / "postgres"
    home.mkdir(parents=True)
    user = parts._unprivileged_user()
    parts._own_folder(data, user)
    parts._let_pass(data)
    name = "heir"
    command = [str(BINARIES / "pg_basebackup"), "--pgdata", str(data), "--write-recovery-conf", "--checkpoint=fast"]
    address = f"host={primary.sockets} user=postgres application_name={name}"
    subprocess.run([*command, "--dbname", address], check=True, capture_output=True, cwd="/", **_as(user))
    heir = Server(home)
    heir.start()
    with primary.connect() as session:
        session.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        session.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 30
        while session.execute("SELECT sync_state FROM pg_stat_replication").fetchall() != [("sync",)]:
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.05)
    return heir


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk of its own at `folder`: a tmpfs, which only root may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    @property
    def ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self) -> None:
        """Take all space that is left."""
        with self.ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(65_536))

    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def clear(self) -> None:
        self.ballast.unlink(missing_ok=True)


@contextmanager
def speaking_to(address: Mapping[str, str]) -> Iterator[None]:
    """Let Django in this process, in all its threads, speak to another database."""
    connection.close()
    connection.close_pool()
    settings = connection.settings_dict
    kept = {name: settings[name] for name in address}
    settings.update(address)
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()
        settings.update(kept)


def url_of(hosts: list[Path], **options: str) -> str:
    """Address of several servers of which one is the database."""
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"postgresql://postgres@/tandem?host={quote(','.join(map(str, hosts)), safe='/,')}{more}"


def _as(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}
