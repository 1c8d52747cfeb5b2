"""What a test build does at the engine's fault points.

FAULTS holds rules, separated by commas or line ends: `POINT:ACTION[:SECONDS][@HITS][%CHANCE]`

    claimed_before_effect:kill9@3            the third time that anybody comes by there
    in_completion_tx:drop_conn@2-5           the second to the fifth time
    msg_received_before_claim:delay:0.5@4+   from the fourth time on
    committed_before_publish:raise%0.1       each time with a chance of one in ten, drawn from FAULTS_SEED

or, beginning with a slash, the name of a file that holds them and may change while the process runs. Then there is one
more action: `hold` keeps whoever comes by until a rule no longer says so.

Hits are counted over all processes that share a tally (a folder: FAULTS_TALLY, else TANDEM_HOME/faults), so that a
process which is started again does not meet the same fault for ever. An empty FAULTS counts and does nothing.
"""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workflows.runtime import faults

HOLD: Final = "hold"
LONGEST_HOLD_S = 60


class Struck(Exception):
    """What the action `raise` raises."""


class BadRule(Exception):
    """A rule that cannot be read; says which and what it could be."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of FAULTS. Strikes at the hits `first` to `last`, with `chance` (0 to 1)."""

    point: str
    action: str
    seconds: float = 0.0
    first: int = 1
    last: float = float("inf")
    chance: float = 1.0

    def strikes(self, hit: int, seed: str) -> bool:
        if not self.first <= hit <= self.last:
            return False
        return self.chance >= 1 or random.Random(f"{seed}/{self.point}/{hit}").random() < self.chance


@dataclass(frozen=True, slots=True)
class Strike:
    """One action that was taken, written down before it happened."""

    point: str
    action: str
    hit: int
    pid: int
    at: float


class Orders:
    """The rules of one process: fixed, or those that stand in a file at the moment."""

    def __init__(self, text: str) -> None:
        self.file = Path(text) if text.startswith("/") else None
        self.read_at = (0, 0)
        self.rules = () if self.file else read(text)

    def now(self) -> tuple[Rule, ...]:
        """The rules as they stand. Reads the file again when it has changed."""
        if self.file is not None:
            with suppress(FileNotFoundError):
                about = self.file.stat()
                if (about.st_mtime_ns, about.st_ino) != self.read_at:
                    self.rules, self.read_at = read(self.file.read_text()), (about.st_mtime_ns, about.st_ino)
        return self.rules

    def wait_while(self, rule: Rule) -> None:
        deadline = time.monotonic() + LONGEST_HOLD_S
        while rule in self.now() and time.monotonic() < deadline:
            time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Tally:
    """Who came by where, and what struck: one byte per hit and one line per strike, appended by all processes."""

    folder: Path

    def count(self, point: str) -> int:
        """Write one hit down; its number."""
        return self._append(point, b".")

    def write(self, rule: Rule, hit: int) -> None:
        line = f"{rule.point} {rule.action} {hit} {os.getpid()} {time.time():.3f}\n"
        self._append("strikes", line.encode())

    def hits(self) -> Counter[str]:
        found = {point: self.folder / point for point in faults.POINTS}
        return Counter({point: file.stat().st_size for point, file in found.items() if file.exists()})

    def strikes(self) -> list[Strike]:
        file = self.folder / "strikes"
        words = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [Strike(point, action, int(hit), int(pid), float(at)) for point, action, hit, pid, at in words]

    def clear(self) -> None:
        for name in (*faults.POINTS, "strikes"):
            self.forget(name)

    def forget(self, point: str) -> None:
        (self.folder / point).unlink(missing_ok=True)

    def _append(self, name: str, what: bytes) -> int:
        # O_APPEND moves the offset to the end of this very write, so that no two processes get the same number.
        file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, what)
            return os.lseek(file, 0, os.SEEK_CUR)
        finally:
            os.close(file)


def install(text: str, folder: Path) -> None:
    """From now on this process strikes as `text` says. Raises BadRule."""
    folder.mkdir(parents=True, exist_ok=True)
    orders, tally, seed = Orders(text), Tally(folder), os.environ.get("FAULTS_SEED", "1")

    def hook(point: str) -> None:
        hit = tally.count(point)
        for rule in orders.now():
            if rule.point == point and rule.strikes(hit, seed):
                tally.write(rule, hit)
                if rule.action == HOLD:
                    orders.wait_while(rule)
                else:
                    ACTIONS[rule.action](rule.seconds)
                return

    faults.hook = hook


def read(text: str) -> tuple[Rule, ...]:
    """Raises BadRule. Of several rules for one hit the first one strikes."""
    return tuple(_rule(part) for part in re.split(r"[,\s]+", text) if part)


_RULE: Final = re.compile(
    r"(?P<point>\w+):(?P<action>\w+)(:(?P<seconds>[\d.]+))?(@(?P<first>\d+)((?P<on>\+)|-(?P<last>\d+))?)?(%(?P<chance>[\d.]+))?"
)


def _rule(text: str) -> Rule:
    found = _RULE.fullmatch(text)
    if found is None:
        raise BadRule(f"The rule {text!r} is not POINT:ACTION[:SECONDS][@HITS][%CHANCE].")
    if found["point"] not in faults.POINTS:
        raise BadRule(f"There is no fault point {found['point']!r}. Take one of {', '.join(faults.POINTS)}.")
    if found["action"] not in (HOLD, *ACTIONS):
        raise BadRule(f"There is no action {found['action']!r}. Take one of {', '.join((HOLD, *ACTIONS))}.")
    first = int(found["first"] or 1)
    only = float(first) if found["first"] else float("inf")
    last = float("inf") if found["on"] else float(found["last"] or only)
    return Rule(found["point"], found["action"], float(found["seconds"] or 0), first, last, float(found["chance"] or 1))


def kill9(seconds: float = 0) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop(seconds: float) -> None:
    """The whole process sleeps, all its threads and its heart, and wakes without knowing it."""
    me = os.getpid()
    # Whoever wakes us may not sleep with us.
    subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {me}"], start_new_session=True)
    os.kill(me, signal.SIGSTOP)


def strike_down(seconds: float = 0) -> None:
    raise Struck("a fault point raised this")


def delay(seconds: float) -> None:
    time.sleep(seconds)


def drop_conn(seconds: float = 0) -> None:
    """Cut this thread's PostgreSQL socket, or, where it holds none, those that wait in the pool. Nobody is told."""
    for file in _sockets():
        with suppress(OSError), socket.socket(fileno=os.dup(file)) as wire:
            wire.shutdown(socket.SHUT_RDWR)


def commit_then_drop(seconds: float = 0) -> None:
    """The transaction stands, but the word of it never arrives (commit unknown)."""
    _commit()
    drop_conn()


def commit_then_kill(seconds: float = 0) -> None:
    _commit()
    kill9()


ACTIONS: Final[dict[str, Callable[[float], None]]] = {
    "kill9": kill9,
    "stop": stop,
    "raise": strike_down,
    "delay": delay,
    "drop_conn": drop_conn,
    "commit_then_drop": commit_then_drop,
    "commit_then_kill": commit_then_kill,
}


def _sockets() -> Iterator[int]:
    connection = _connection()
    held = connection.connection
    for each in [held] if held is not None else list(connection.pool._pool):
        if not each.closed:
            yield each.fileno()


def _commit() -> None:
    """Behind Django's back: it will send its own COMMIT afterwards."""
    wire = _connection().connection
    if wire is not None:
        wire.commit()


def _connection() -> Any:
    # This module is imported while the settings are still being made.
    from django.db import connection

    return connection
