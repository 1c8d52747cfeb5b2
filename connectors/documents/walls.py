"""The walls around the reader of one document. Raised once, before anything of the document is looked at.

1. the kernel's limits: memory, computing time, no files written, no core dump, few open files, no processes
2. an empty network, where the kernel lets us have one
3. an audit hook that refuses sockets, processes and files outside the libraries; it cannot be taken down again
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Any

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000

REFUSED = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.kill",
    "ctypes.",
)
OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def raise_walls(memory: int, cpu_s: int, wall_s: float, readable: tuple[str, ...]) -> None:
    """`memory` in bytes; `readable` are the folders and files that libraries are loaded from."""
    _leave_the_network()
    _bound_resources(memory, cpu_s)
    # A reader whose parent was killed ends by itself: the default action of SIGALRM cannot be blocked by a busy parser.
    signal.alarm(int(wall_s) + 5)
    _watch(readable)


def _leave_the_network() -> None:
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNET) != 0:
        # Without privileges a network of one's own is given only together with a user namespace, if at all.
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _bound_resources(memory: int, cpu_s: int) -> None:
    _bound("RLIMIT_AS", memory)
    _bound("RLIMIT_CPU", cpu_s)
    _bound("RLIMIT_FSIZE", 0)
    _bound("RLIMIT_CORE", 0)
    _bound("RLIMIT_NOFILE", 64)
    _bound("RLIMIT_NPROC", 0)


def _bound(name: str, value: int) -> None:
    # Some systems know fewer limits than Linux; the clock of the parent holds everywhere.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        limit = getattr(resource, name)
        hard = resource.getrlimit(limit)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def _watch(readable: tuple[str, ...]) -> None:
    def refuse(event: str, details: tuple[Any, ...]) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(f"a document reader may not do {event}")
        if event == "open" and not _may_open(details[0], details[1], details[2], readable):
            raise PermissionError("a document reader may not open files")

    sys.addaudithook(refuse)


def _may_open(path: object, mode: object, flags: object, readable: tuple[str, ...]) -> bool:
    if isinstance(path, int):
        return True
    if isinstance(flags, int) and flags & OPEN_FOR_WRITING:
        return False
    return os.path.realpath(os.fsdecode(path)).startswith(readable)  # type: ignore[arg-type]
