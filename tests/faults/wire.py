"""A line between Tandem and its database that can be cut as firewalls cut: with a reset, or without a word."""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_SO_ATTACH_FILTER = 26


@dataclass
class Wire:
    """Listens on a port of the loopback address and carries every connection on to a Unix socket."""

    far_end: Path
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    lines: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def start(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self.listener.close()
        self.reset()

    def reset(self) -> int:
        """Cut every line that is open with an RST; how many."""
        lines = self._taken()
        for near, far in lines:
            # A linger time of zero makes the kernel send a reset instead of a farewell.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for end in (far, near):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RD)
                end.close()
        return len(lines)

    def silence(self) -> int:
        """From now on nothing that comes in on the lines now open is taken note of, not even with an ACK; how many."""
        lines = self._taken()
        for near, _ in lines:
            _drop_all_packets(near)
        self.silenced = lines
        return len(lines)

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        with self.lock:
            taken, self.lines = self.lines, []
        return taken

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(str(self.far_end))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.lines.append((near, far))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def _drop_all_packets(end: socket.socket) -> None:
    """A packet filter of one instruction, `return 0 bytes`: the kernel drops what arrives before TCP sees it."""
    instruction = _Instruction(0x06, 0, 0, 0)
    program = _Filter(1, ctypes.pointer(instruction))
    end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
