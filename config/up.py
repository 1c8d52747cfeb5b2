"""`up`: all of Tandem on one machine, from an empty folder to the address to open."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.env import Env
from config.parts import CannotEmbed, embedded_parts
from config.processes import NotReady
from config.programs import command, own_programs
from config.supervisor import Stopped, Supervisor

ROOM_BYTES = 300_000_000
PORT_PATIENCE_S = 3


class CannotStart(Exception):
    """A sentence for the person: what is wrong, what to do."""


class Terminal:
    """Lines for the person: seconds since the start while starting, the time of day afterwards."""

    def __init__(self) -> None:
        self.began: float | None = time.monotonic()

    def say(self, sentence: str) -> None:
        clock = f"{time.monotonic() - self.began:6.1f} s" if self.began else time.strftime("%H:%M:%S")
        tell(f"{clock}  {sentence}")


def tell(text: str) -> None:
    # Whoever closed the terminal wants us to stop in order all the same.
    with suppress(OSError):
        print(text, flush=True)


def up(env: Env, *, check: bool) -> int:
    """Returns the exit code: 0 when stopped as asked or, with `check`, when every example succeeded."""
    try:
        _require_room(env.home)
        with _only_one(env):
            _require_port(env)
            return _run(env, check)
    except (CannotStart, CannotEmbed, NotReady) as problem:
        tell(f"\n{problem}")
    except OSError as error:
        tell(f"\nTandem cannot work under {env.home}: {error}. Is the disk full, or not yours to write?")
    return 1


def _run(env: Env, check: bool) -> int:
    terminal = Terminal()
    supervisor = Supervisor(env.home, terminal.say)
    supervisor.obey_signals()
    try:
        _start(env, supervisor)
        if check:
            return supervisor.run(command(env, "run_examples"))
        _welcome(env)
        terminal.began = None
        supervisor.keep()
    except Stopped:
        return 1
    finally:
        tell("\nStopping.")
        supervisor.stop_all()
        tell(f"Stopped. The data stays in {env.home}")
    return 0


def _start(env: Env, supervisor: Supervisor) -> None:
    supervisor.start(embedded_parts(env))
    _news(env).touch(mode=0o600)
    if supervisor.run(command(env, "prepare", "--news", str(_news(env)))):
        raise CannotStart("The database or the pages could not be prepared; the reason stands above.")
    _keep_links(env)
    supervisor.start(own_programs(env), one_by_one=True)


def _welcome(env: Env) -> None:
    tell(f"\nTandem runs at {_address(env)}    (Ctrl-C stops it)")
    if news := _news(env).read_text().strip():
        tell(f"\n{news}\n")
    elif _kept_links(env).exists():
        tell(f"The sign-in links of the first start are kept in {_kept_links(env)};")
        tell("a new one comes from: python3 manage.py sign_in_link E-MAIL\n")


def _keep_links(env: Env) -> None:
    if news := _news(env).read_text().strip():
        _kept_links(env).touch(mode=0o600)
        _kept_links(env).write_text(news + "\n")


def _news(env: Env) -> Path:
    """What the seed said at this start: links for people it has just made, or nothing."""
    return env.home / "run" / "news.txt"


def _kept_links(env: Env) -> Path:
    return env.home / "sign-in-links.txt"


def _address(env: Env) -> str:
    return env.public_url or f"http://127.0.0.1:{env.port}/"


# Before anything starts


def _require_room(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < ROOM_BYTES:
        raise CannotStart(
            f"The disk under {home} is nearly full: {free // 1_000_000} MB are free, {ROOM_BYTES // 1_000_000} MB are "
            "needed. Free some room, or set TANDEM_HOME to a folder on another disk."
        )


@contextmanager
def _only_one(env: Env) -> Iterator[None]:
    """One `up` per TANDEM_HOME. The lock goes away with the process, so that a stale file blocks nobody."""
    path = env.home / "run" / "up.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(_already(file.read().split(), env)) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {env.port}\n")
        file.flush()
        yield


def _already(holder: list[str], env: Env) -> str:
    pid, port = holder if len(holder) == 2 else ("?", "?")
    return (
        f"Tandem already runs on {env.home}: process {pid}, http://127.0.0.1:{port}/. Use that one, stop it with "
        f"Ctrl-C or `kill {pid}`, or start a second one with its own data: TANDEM_HOME=… PORT=… python3 manage.py up"
    )


def _require_port(env: Env) -> None:
    """Waits a little: what a killed `up` left behind is just ending."""
    deadline = time.monotonic() + PORT_PATIENCE_S
    while not _is_free(env.bind, env.port):
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Port {env.port} is in use by another program. Choose another one, for example: "
                f"PORT={_next_free(env)} python3 manage.py up"
            )
        time.sleep(0.2)


def _next_free(env: Env) -> int:
    return next(port for port in range(env.port % 65_000 + 1, 65_536) if _is_free(env.bind, port))


def _is_free(bind: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind.strip("[]"), port))
            probe.listen(1)
        except PermissionError:
            raise CannotStart(f"Port {port} is for administrators only. Choose one above 1023: PORT=8000.") from None
        except OSError:
            return False
        return True
