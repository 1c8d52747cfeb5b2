"""A line for a library that will not use ours: it connects to a socket of our own, and we pass on what it says."""

from __future__ import annotations

import selectors
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_PIECE_BYTES = 65_536


@dataclass
class Relay:
    """Passes bytes between the socket at `path`, which takes one connection, and `far`."""

    path: Path
    far: socket.socket
    most_bytes: int
    is_flooded: bool = field(default=False, init=False)
    """Whether the other side has sent more than `most_bytes`, and was cut."""

    def __post_init__(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        for each in (self._listener, self.far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError), self._listener.accept()[0] as near:
            self._pass_on(near)

    def _pass_on(self, near: socket.socket) -> None:
        """Until one of the two ends, or the line is cut from outside."""
        came = 0
        with selectors.DefaultSelector() as selector:
            for each in (near, self.far):
                selector.register(each, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if near in ready:
                    if not (said := near.recv(_PIECE_BYTES)):
                        return
                    self._send_far(said)
                if self.far in ready:
                    if (heard := self._received()) is None:
                        continue
                    if not heard:
                        return
                    came += len(heard)
                    if came > self.most_bytes:
                        self.is_flooded = True
                        return
                    near.sendall(heard)

    def _send_far(self, said: bytes) -> None:
        self.far.setblocking(True)
        self.far.sendall(said)

    def _received(self) -> bytes | None:
        """All that has come, TLS's own buffer with it: what lies there does not wake a selector.

        None where TLS has only spoken to itself, or has half a record.
        """
        self.far.setblocking(False)
        try:
            first = self.far.recv(_PIECE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        waiting = self.far.pending() if isinstance(self.far, ssl.SSLSocket) else 0
        return first + self.far.recv(waiting) if waiting else first


@contextmanager
def relayed(far: socket.socket, name: str, most_bytes: int) -> Iterator[Relay]:
    """In a folder that only we can enter."""
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        relay = Relay(Path(folder) / name, far, most_bytes)
        try:
            yield relay
        finally:
            relay.close()
