"""The wire to a model server: pooled connections that obey the clocks and the size limit of the call at hand (rule L2).

httpx counts its read timeout from byte to byte, so a server that sends one byte every ten seconds is never late. Here
every read of a socket asks the `Exchange` of its own thread how long it may still take.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from connectors.models_gateway.request import Clocks

if TYPE_CHECKING:
    from openai import OpenAI

LARGEST_ANSWER = 10_000_000
CONNECTIONS = 1_024
KEPT_ALIVE = 512
# Servers close connections that rest; uvicorn, which serves most open models, after five seconds.
KEPT_ALIVE_S = 4
DRAIN_S = 0.25


class Limit(StrEnum):
    """Which limit ended an exchange."""

    CONNECT = "connect"
    FIRST_BYTE = "first_byte"
    IDLE = "idle"
    TOTAL = "total"
    SIZE = "size"


class Exchange:
    """One question and its answer on the wire: when it began, what came, and which limit ended it, if one did."""

    def __init__(self, clocks: Clocks, deadline: float | None = None) -> None:
        self.clocks = clocks
        self.began = time.monotonic()
        self.ends = min(self.began + clocks.total_s, deadline if deadline is not None else float("inf"))
        self.was_hurried = self.ends < self.began + clocks.total_s
        """Whether the step's own time ends before the model's."""
        self.first_byte_due: float | None = None
        self.first_byte_s: float | None = None
        self.received = 0
        self.ended_by: Limit | None = None

    @property
    def took_s(self) -> float:
        return time.monotonic() - self.began

    @property
    def was_sent(self) -> bool:
        """Whether the whole question went out, so that it may have to be paid for."""
        return self.first_byte_due is not None

    def hears_content(self) -> None:
        """From the first byte of the body on, the idle clock counts instead of the first-byte clock."""
        if self.first_byte_s is None:
            self.first_byte_s = self.took_s

    def hurry(self) -> None:
        """The answer is complete: only a moment more, so that the connection can be used again."""
        self.ends = min(self.ends, time.monotonic() + DRAIN_S)

    def to_connect(self) -> tuple[Limit, float]:
        return self._allowed(Limit.CONNECT, self.clocks.connect_s)

    def to_write(self) -> tuple[Limit, float]:
        return self._allowed(Limit.IDLE, self.clocks.idle_s)

    def to_read(self) -> tuple[Limit, float]:
        if self.first_byte_s is not None:
            return self._allowed(Limit.IDLE, self.clocks.idle_s)
        now = time.monotonic()
        self.first_byte_due = self.first_byte_due or now + self.clocks.first_byte_s
        return self._allowed(Limit.FIRST_BYTE, self.first_byte_due - now)

    def count(self, size: int) -> None:
        self.received += size
        if self.received > LARGEST_ANSWER:
            self.ended_by = Limit.SIZE
            raise httpcore2.ReadError(f"more than {LARGEST_ANSWER:,} bytes")

    def _allowed(self, limit: Limit, seconds: float) -> tuple[Limit, float]:
        """Seconds that may still pass, and the clock that rings when they have."""
        left = self.ends - time.monotonic()
        if left <= seconds:
            limit, seconds = Limit.TOTAL, left
        # A socket timeout of 0 would mean "do not block" instead of "too late".
        return limit, max(seconds, 0.001)


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(clocks: Clocks, deadline: float | None = None) -> Iterator[Exchange]:
    """The limits of all that this thread sends and reads inside."""
    current = Exchange(clocks, deadline)
    token = _exchange.set(current)
    try:
        yield current
    finally:
        _exchange.reset(token)


@lru_cache(maxsize=64)
def _client(base_url: str, key: str, process: int) -> OpenAI:
    # Here and in failures: it takes most of a second to load, and most processes never ask a model.
    from openai import OpenAI

    kept_alive = 0 if is_on_this_machine(base_url) else KEPT_ALIVE
    http = httpx2.Client(transport=_Transport(kept_alive), trust_env=False, follow_redirects=False)
    # Compressed answers are not asked for and not taken: no size limit holds against a decompression bomb.
    headers = {"Accept-Encoding": "identity"}
    return OpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=http, default_headers=headers)


def client(base_url: str, key: str) -> OpenAI:
    """The client for this address, one per process: connections are shared by all threads and kept alive."""
    return _client(base_url, key, os.getpid())


def is_on_this_machine(base_url: str) -> bool:
    """There a new connection costs nothing, and llama.cpp hangs up on old ones without a word."""
    return urlsplit(base_url).hostname in ("127.0.0.1", "::1", "localhost")


class _Transport(httpx2.HTTPTransport):
    """httpx's transport on a pool whose sockets know the exchange they serve."""

    def __init__(self, kept_alive: int) -> None:
        # Not calling super().__init__: it only builds the pool that is built here.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=kept_alive,
            keepalive_expiry=KEPT_ALIVE_S,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise httpx2.RemoteProtocolError("a compressed answer, which was not asked for")
        return response


class _Backend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(  # type: ignore[override]  # the rest is handed on as it comes
        self, host: str, port: int, timeout: float | None = None, **options: Any
    ) -> _Stream:
        with _clock(Exchange.to_connect, timeout) as seconds:
            return _Stream(self._sockets.connect_tcp(host, port, seconds, **options))

    def connect_unix_socket(  # type: ignore[override]
        self, path: str, timeout: float | None = None, **options: Any
    ) -> _Stream:
        with _clock(Exchange.to_connect, timeout) as seconds:
            return _Stream(self._sockets.connect_unix_socket(path, seconds, **options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _clock(Exchange.to_read, timeout) as seconds:
            content = self._stream.read(max_bytes, seconds)
        if (current := _exchange.get()) is not None:
            current.count(len(content))
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _clock(Exchange.to_write, timeout) as seconds:
            self._stream.write(buffer, seconds)

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        with _clock(Exchange.to_connect, timeout) as seconds:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _clock(which: Callable[[Exchange], tuple[Limit, float]], otherwise: float | None) -> Iterator[float | None]:
    """Seconds that the socket may take now."""
    current = _exchange.get()
    if current is None:
        yield otherwise
        return

    limit, seconds = which(current)
    try:
        yield seconds
    except httpcore2.TimeoutException:
        current.ended_by = limit
        raise


def drain(chunks: Iterable[bytes]) -> None:
    """Read what is left behind a complete answer; a server that does not come to an end costs only its connection."""
    if (current := _exchange.get()) is not None:
        current.hurry()
    try:
        for _ in chunks:
            pass
    except httpx2.HTTPError:
        return
