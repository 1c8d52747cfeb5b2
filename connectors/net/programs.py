"""Programs of this server, started for one conversation: those that an administrator has listed, and no others.

They are given no shell, nothing of our environment (no database address, no key), an empty folder to work in, a time
and an amount of text. What they may do otherwise is a matter of the user that the administrator runs them as.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from connectors.net.egress import Egress
from connectors.net.sockets import Deadline
from connectors.sdk import AuthFailed, Rejected, Unavailable

logger = logging.getLogger(__name__)

LONGEST_S = 60.0
MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class OpenProgram:
    """`connectors.sdk.programs.Program`."""

    name: str
    policy: Egress

    @contextmanager
    def started(self) -> Iterator[Running]:
        command = settings.PROGRAMS.get(self.name)
        if command is None or self.name not in self.policy.programs:
            raise AuthFailed(
                f"The program “{self.name}” is not among those that this department may use. An administrator can "
                f"allow it: TANDEM_PROGRAMS names its command, the department's list of hosts program://{self.name}."
            )
        with tempfile.TemporaryDirectory(prefix="tandem-program-") as folder:
            running = Running(self.name, _start(self.name, command, folder), Deadline.after(LONGEST_S))
            # Also one that no longer reads what we write to it comes to its end.
            end = threading.Timer(LONGEST_S, _kill, [running.process])
            end.start()
            try:
                yield running
            finally:
                end.cancel()
                end.join()
                _end(running.process)


@dataclass
class Running:
    """`connectors.sdk.programs.Talk`."""

    name: str
    process: subprocess.Popen[bytes]
    deadline: Deadline
    unread: bytes = b""
    taken: int = 0

    def say(self, message: Mapping[str, Any], until: int | None) -> Sequence[Mapping[str, Any]]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise self._broke_off() from None
        found: list[Mapping[str, Any]] = []
        while until is not None and not any(each.get("id") == until for each in found):
            found += self._next()
        return found

    def _next(self) -> list[Mapping[str, Any]]:
        """The messages of the next whole line; a line that is none is passed over."""
        while b"\n" not in self.unread:
            self.unread += self._piece()
        line, _, self.unread = self.unread.partition(b"\n")
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
            return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]
        return []

    def _piece(self) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            try:
                is_there = ready.select(self.deadline.left())
            except TimeoutError:
                is_there = []
        piece = os.read(self.process.stdout.fileno(), 64_000) if is_there else b""
        if not piece:
            raise self._broke_off()
        self.taken += len(piece)
        if self.taken > MOST_BYTES:
            raise Rejected(f"The program “{self.name}” says more than {MOST_BYTES // 1_000_000} MB.")
        return piece

    def _broke_off(self) -> Unavailable:
        logger.info("program_broke_off name=%s code=%s", self.name, self.process.poll())
        return Unavailable(
            f"The program “{self.name}” ended, or says nothing. Try again, or ask an administrator to look at it.",
            maybe_done=True,
        )


def _start(name: str, command: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LANG": "C.UTF-8"}
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        logger.warning("program_not_started name=%s reason=%s", name, error)
        raise Unavailable(f"The program “{name}” cannot be started. Ask an administrator to look at it.") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Before it is waited for: until then its number cannot belong to anybody else."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it remains, whatever it has started."""
    _kill(process)
    process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()
