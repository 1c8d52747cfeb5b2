"""Processes that begin as copies of one that has loaded everything: a birth costs a tenth of the CPU of a start.

The same programs with the same environment, folder and log, each a process of its own that can be killed; only what
Python loads is loaded once. A nursery without settings has children with settings, one for each environment, and these
bear the programs. `NURSERY.bears(program)` changes how a program is started; everything else about it stays.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from config.env import ROOT
from config.processes import Program, tie_to_parent

LONGEST: Final = 200_000
"""Bytes of one message between a nursery and whoever asks it."""
PASSING: Final = ("PYTEST_CURRENT_TEST", "PGAPPNAME")
"""What changes in the environment without meaning anything to what a program loads."""
IS_POSSIBLE: Final = hasattr(os, "pidfd_open")
HEAVY: Final = (
    *("celery.app", "celery.bin.worker", "kombu.transport.redis", "psycopg_pool", "redis", "jsonschema", "jinja2"),
    *("pydantic", "ruamel.yaml", "liquid", "cryptography.hazmat.primitives.ciphers.aead", "prometheus_client"),
    *(
        "httpcore2",
        "httpx2",
        "requests",
        "onelogin.saml2.auth",
        "fido2.server",
        "markdown_it",
        "imapclient",
        "django.db",
    ),
    *("docx", "openpyxl", "reportlab.platypus", "reportlab.pdfgen.canvas", "django.test", "django.core.management"),
)
"""What takes longest to load of what needs no settings."""


# What a nursery does -------------------------------------------------------------------------------------------------


@dataclass
class Nursery:
    """The process itself: it bears whoever is asked for, and tells how each ended."""

    line: socket.socket
    children: dict[int, int] = field(default_factory=dict)
    """pidfd → pid."""
    is_closing: bool = False

    def tend(self) -> list[str]:
        """Returns in each program that was born, with its command line; in the nursery itself never."""
        while self.children or not self.is_closing:
            watched = [*self.children, *([] if self.is_closing else [self.line])]
            # One at a time: after a birth this may be the child, to whom the others are nothing.
            ready = select.select(watched, [], [])[0][0]
            if ready is not self.line:
                self._tell_end(ready)
            elif born := self._listen():
                return born
        os._exit(0)

    def _listen(self) -> list[str] | None:
        said, descriptors = _received(self.line)
        if not said:
            self.is_closing = True
            return None
        parent = os.getpid()
        if child := os.fork():
            self._keep(child, descriptors)
            return None
        tie_to_parent(parent, signal.SIGKILL)
        return self._begin(said, descriptors)

    def _keep(self, child: int, descriptors: Sequence[int]) -> None:
        self.children[os.pidfd_open(child)] = child
        for descriptor in descriptors:
            os.close(descriptor)
        self.line.send(json.dumps({"pid": child}).encode())

    def _tell_end(self, ended: int) -> None:
        child = self.children.pop(ended)
        os.close(ended)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with suppress(OSError):
            self.line.send(json.dumps({"ended": child, "code": code}).encode())

    def _begin(self, said: Mapping[str, Any], descriptors: Sequence[int]) -> list[str] | None:
        """In the child, which is another nursery or a program."""
        self.line.close()
        for descriptor in self.children:
            os.close(descriptor)
        self.children.clear()
        os.environ.clear()
        os.environ.update(said["env"])
        os.chdir(said["cwd"])
        if said["command"]:
            os.setsid()
            _speak_to(descriptors)
            return list(said["command"])
        self.line = socket.socket(fileno=descriptors[0])
        load_everything(has_pages=said["has_pages"])
        return None


def load_everything(*, has_pages: bool) -> None:
    import gc

    import django

    django.setup()
    if has_pages:
        import config.urls
        import config.wsgi  # noqa: F401
    gc.freeze()


def _speak_to(descriptors: Sequence[int]) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    said_to = descriptors[0] if descriptors else silence
    for source, target in ((silence, 0), (said_to, 1), (said_to, 2)):
        os.dup2(source, target)
    for descriptor in (silence, *descriptors):
        os.close(descriptor)


def live(command: Sequence[str]) -> None:
    """As Python would, called with these arguments."""
    import runpy

    sys.argv = list(command)
    if command[0] == "-m":
        sys.argv = list(command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")


def _received(line: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    descriptors = array.array("i")
    said, extra, _, _ = line.recvmsg(LONGEST, socket.CMSG_LEN(4))
    for _, _, data in extra:
        descriptors.frombytes(data)
    return (json.loads(said) if said else None), list(descriptors)


# What its users see --------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """To one nursery. What it says of ended children is kept for who asks."""

    socket: socket.socket
    ended: dict[int, int] = field(default_factory=dict)

    def ask(self, env: Mapping[str, str], cwd: str, *, passed: Sequence[int] = (), **more: Any) -> int:
        """The pid of whom it bore."""
        message = json.dumps({"env": dict(env), "cwd": cwd, **more}).encode()
        socket.send_fds(self.socket, [message], list(passed))
        while True:
            if born := self._hear():
                return born

    def code_of(self, pid: int, within_s: float | None = 0.0) -> int | None:
        until = None if within_s is None else time.monotonic() + within_s
        while pid not in self.ended:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self.socket], [], [], left)[0]:
                return None
            self._hear()
        return self.ended[pid]

    def _hear(self) -> int | None:
        said, _ = _received(self.socket)
        if said is None:
            raise RuntimeError("A nursery has ended; what it said stands above.")
        if "ended" in said:
            self.ended[said["ended"]] = said["code"]
        pid: int | None = said.get("pid")
        return pid


@dataclass
class Born:
    """A `Popen` of what a nursery bore, as far as `Process` needs one."""

    line: Line
    args: Sequence[str]
    pid: int

    def poll(self) -> int | None:
        return self.line.code_of(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        code = self.line.code_of(self.pid, timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Nurseries:
    """The one without settings and those with, begun when first needed, ended with this process."""

    def __init__(self) -> None:
        self.root: Line | None = None
        self.lines: dict[str, Line] = {}

    def bears(self, program: Program) -> Program:
        """The same program, born instead of started, where the system can."""
        is_ours = program.command[0] == sys.executable and "LD_PRELOAD" not in program.env
        return replace(program, popen=self._popen) if IS_POSSIBLE and is_ours else program

    def run(self, command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A program of ours until its end, in place of `subprocess.run`; what it said on both ways stands in both."""
        if not IS_POSSIBLE:
            return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        with tempfile.TemporaryFile() as heard:
            code = self._popen(command, env=env, cwd=ROOT, stdout=heard).wait()
            heard.seek(0)
            said = heard.read().decode()
        return subprocess.CompletedProcess(command, code, said, said)

    def _popen(self, args: Sequence[str], *, env: Mapping[str, str], cwd: Any, stdout: Any, **_: Any) -> Any:
        line = self._line(env, str(cwd), has_pages="web" in args)
        passed = [stdout.fileno()] if stdout else []
        return Born(line, args, line.ask(env, str(cwd), passed=passed, command=list(args[1:])))

    def _line(self, env: Mapping[str, str], cwd: str, *, has_pages: bool) -> Line:
        key = json.dumps([sorted((name, env[name]) for name in env if name not in PASSING), has_pages])
        if key not in self.lines:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._first().ask(env, cwd, passed=[theirs.fileno()], command=[], has_pages=has_pages)
            self.lines[key] = Line(ours)
        return self.lines[key]

    def _first(self) -> Line:
        if self.root is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                    preexec_fn=partial(tie_to_parent, os.getpid(), signal.SIGKILL),
                )
            atexit.register(process.kill)
            self.root = Line(ours)
        return self.root


NURSERY: Final = Nurseries()


def main() -> None:
    import importlib

    for name in HEAVY:
        importlib.import_module(name)
    born = Nursery(socket.socket(fileno=int(sys.argv[1]))).tend()
    live(born)


if __name__ == "__main__":
    main()
