"""Names into addresses, once, and connections to exactly those addresses (rule S3), all before one deadline."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any

import httpcore2

from connectors.net.addresses import Address
from connectors.net.urls import Url

CONNECT_S = 5.0
MOST_ADDRESSES = 4  # tried one after the other

Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port → addresses as text. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """One end for everything: looking up, connecting, sending, reading."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left, more than 0. Raises TimeoutError."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def system_resolver(host: str, port: int) -> Sequence[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(answer[4][0]) for answer in answers]


def look_up(url: Url, resolve: Resolve, deadline: Deadline) -> list[Address]:
    """Every address behind the URL's host, in the resolver's order. Raises OSError when there is none in time."""
    if url.address is not None:
        return [url.address]
    found = [ip_address(text) for text in _in_time(lambda: resolve(url.host, url.port), deadline)]
    if not found:
        raise OSError("no address")
    return list(dict.fromkeys(found))


def connect(url: Url, addresses: Sequence[Address], tls: ssl.SSLContext | None, deadline: Deadline) -> Stream:
    """A connection to one of these addresses and to nothing else; the certificate must be that of the URL's host."""
    raw = first_that_answers(addresses, url.port, deadline)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "http":
            return Stream(raw, deadline)
        raw.settimeout(deadline.left())
        return Stream((tls or default_tls()).wrap_socket(raw, server_hostname=url.host), deadline)
    except BaseException:
        raw.close()
        raise


@lru_cache(maxsize=1)
def default_tls() -> ssl.SSLContext:
    """The system's certificate authorities, or those of SSL_CERT_FILE: how an operator adds the company's own."""
    return httpcore2.default_ssl_context()


class Stream(httpcore2.NetworkStream):
    """A connected socket whose every read and write ends at the deadline, however slowly the other side drips."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # sendall counts its timeout over the whole buffer, not per piece.
        self._socket.settimeout(self._deadline.left())
        try:
            self._socket.sendall(buffer)
        except ConnectionError as error:
            # Servers may answer and hang up before they have read everything: httpcore then reads the answer.
            raise httpcore2.WriteError(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None


def first_that_answers(addresses: Sequence[Address], port: int, deadline: Deadline) -> socket.socket:
    """Connected to one of the first few. Raises OSError."""
    failure = OSError("no address")
    for address in addresses[:MOST_ADDRESSES]:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        candidate = socket.socket(family, socket.SOCK_STREAM)
        try:
            candidate.settimeout(min(CONNECT_S, deadline.left()))
            candidate.connect((str(address), port))
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    raise failure


def _in_time(look: Callable[[], Sequence[str]], deadline: Deadline) -> Sequence[str]:
    # getaddrinfo knows no timeout: a thread of its own waits for a dead name server, we do not.
    answers: SimpleQueue[Sequence[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(look())
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except Empty:
        raise TimeoutError("the name server did not answer") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
