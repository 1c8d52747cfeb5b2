"""Child processes that never outlive us: started, watched, stopped, their words kept in a log file."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_KEPT = 10_000_000
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class NotReady(Exception):
    """A process ended or stayed silent while starting: its name, what it said last, where its log is."""


@dataclass(frozen=True)
class Program:
    """What to run and how to speak to it."""

    name: str
    command: Sequence[str]
    log: Path | None
    """None for one that speaks to our own terminal."""
    is_ready: Callable[[], bool] | None = None
    """None for one that cannot be asked."""
    ready_within_s: float = 30
    prepare: Callable[[], None] = lambda: None
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 5
    orphan_signal: signal.Signals = signal.SIGKILL
    """What it gets from the kernel when we are killed ourselves."""
    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen


class Process:
    """One life of a program. Start it from the main thread: the kernel ties it to the thread that started it."""

    def __init__(self, program: Program) -> None:
        program.prepare()
        self.program = program
        self.started_at = time.monotonic()
        log = _opened_log(program.log)
        self._child = program.popen(
            list(program.command),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **program.env},
            user=program.user,
            group=program.user,
            extra_groups=[] if program.user else None,
            # Its own session, so that Ctrl-C reaches us alone and we stop everything in order.
            start_new_session=True,
            preexec_fn=partial(tie_to_parent, os.getpid(), program.orphan_signal),
        )
        if log:
            log.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_at

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._child.poll()

    def wait_until_ready(self, give_up: Callable[[], bool] = lambda: False) -> None:
        """Returns early when `give_up()`. Raises NotReady."""
        while self.program.is_ready and not self.program.is_ready():
            if give_up():
                return
            if self.exit_code() is not None:
                raise NotReady(f"{self.program.name} {ending(self.exit_code())} while starting.{self._last_words()}")
            if self.age_s > self.program.ready_within_s:
                raise NotReady(f"{self.program.name} gave no answer within {self.age_s:.0f} s.{self._last_words()}")
            time.sleep(0.02)

    def ask_to_stop(self) -> None:
        if self.exit_code() is None:
            self._child.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Returns when it is gone, by force after `stop_within_s` from now."""
        self.ask_to_stop()
        self.wait_for_end(self.program.stop_within_s)

    def wait_for_end(self, within_s: float) -> None:
        """Returns when it and whatever it started are gone."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(within_s)
        self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def _last_words(self) -> str:
        if not self.program.log:
            return ""
        return f"\n{last_lines(self.program.log)}\nIts log is {self.program.log}."


def ending(exit_code: int | None) -> str:
    """An exit code in words: "ended with code 1", "was killed by SIGKILL"."""
    if exit_code is not None and exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with code {exit_code}"


def last_lines(log: Path, count: int = 8) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-count:])


def _opened_log(path: Path | None) -> BinaryIO | None:
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_KEPT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tie_to_parent(parent: int, orphan_signal: signal.Signals) -> None:
    """Linux: who calls it gets `orphan_signal` when `parent` dies, however. Nothing of the kind elsewhere."""
    if LIBC is None:
        return
    set_parent_death_signal = 1
    LIBC.prctl(set_parent_death_signal, int(orphan_signal))
    if os.getppid() != parent:  # it died between the fork and the line above
        os._exit(1)
