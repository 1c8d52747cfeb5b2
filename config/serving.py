"""The web server: waitress, which takes a thread for a request only when all of it has arrived.

Added here: who trickles a request is answered 408, refusals under /api/ are problem documents, and a server that is
asked to stop first answers what it has taken on.
"""

from __future__ import annotations

import json
import resource
import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import Error

from config.env import Env
from workflows.api import problems

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 16
MOST_CONNECTIONS = 500
MOST_OPEN_FILES = 4_096
"""A connection may hold three: itself and what it sends and receives, spilled to disk."""
MOST_HEADER_BYTES = 16_384
MOST_BODY_BYTES = 4 * settings.UPLOAD_MAX_BYTES
"""Of a form with several files. One that is too large alone gets its sentence on the form."""
IN_MEMORY_BYTES = 65_536
IDLE_S = 75
PATIENCE_S, SLOWEST_BYTES_PER_S = 20, 10_000
LOOK_EVERY_S = 1
FINISH_WITHIN_S = 4
"""Shorter than the patience of whoever stops us (config.processes)."""


def serve(application: WSGIApplication, env: Env) -> None:
    """Returns after SIGTERM or SIGINT. Raises OSError when the address cannot be had. Main thread only."""
    _allow_open_files()
    server = Server(headed(application), adj=adjustments(env))
    asked_to_stop = _on_signal(server.pull_trigger)
    server.work_until(asked_to_stop)
    server.finish(time.monotonic() + FINISH_WITHIN_S)


def adjustments(env: Env) -> Adjustments:
    """What clients say of themselves in X-Forwarded-… is dropped, unless they are the proxy that the settings name."""
    believed = {
        "trusted_proxy": env.trusted_proxy,
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
    }
    return Adjustments(
        listen=f"{_host(env.bind)}:{env.port}",
        threads=THREADS,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_S,
        cleanup_interval=LOOK_EVERY_S,
        asyncore_loop_timeout=LOOK_EVERY_S,
        asyncore_use_poll=True,
        max_request_header_size=MOST_HEADER_BYTES,
        max_request_body_size=MOST_BODY_BYTES,
        recv_bytes=IN_MEMORY_BYTES,
        inbuf_overflow=IN_MEMORY_BYTES,
        outbuf_overflow=4 * IN_MEMORY_BYTES,
        log_socket_errors=False,
        ident=None,
        **(believed if env.trusted_proxy else {}),
    )


def headed(application: WSGIApplication) -> WSGIApplication:
    """Answers HEAD without a body, which waitress leaves to the application and Django to the server."""

    def answering(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        if close := getattr(body, "close", None):
            close()
        return []

    return answering


class TooSlow(Error):
    code, reason = 408, "Request Timeout"


SENTENCES = {
    408: f"The request arrived too slowly: under {SLOWEST_BYTES_PER_S:,} bytes per second. Send it again.",
    413: f"The request has more than {MOST_BODY_BYTES:,} bytes. Send fewer or smaller files.",
    431: f"The address and the headers together have more than {MOST_HEADER_BYTES:,} bytes. Shorten them.",
}


class Request(HTTPRequestParser):
    """Knows since when it has been arriving."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def is_too_slow(self, now: float) -> bool:
        """Whether it lags behind PATIENCE_S plus a second for each SLOWEST_BYTES_PER_S. `now`: monotonic."""
        received = self.header_bytes_received + self.body_bytes_received
        return bool(now - self.began > PATIENCE_S + received / SLOWEST_BYTES_PER_S)


class Refused(ErrorTask):
    """A sentence for what never became a request."""

    def execute(self) -> None:
        error, path = self.request.error, getattr(self.request, "path", "")
        sentence = SENTENCES.get(error.code, f"{error.body}.")
        content_type, body = "text/plain; charset=utf-8", f"{sentence}\n"
        if path.startswith(problems.ROOT):
            document = problems.Refusal(error.code, sentence).document(path)
            content_type, body = problems.CONTENT_TYPE, json.dumps(document, ensure_ascii=False)

        encoded = body.encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", content_type))
        self.content_length = len(encoded)
        self.set_close_on_finish()
        self.write(encoded)


class Connection(HTTPChannel):
    parser_class = Request
    error_task_class = Refused
    request: Request | None

    def refuse_the_slow(self, now: float) -> None:
        with self.requests_lock:
            # While one is answered nothing is read, so that the next one cannot help being late.
            if self.requests or self.request is None or not self.request.is_too_slow(now):
                return
            self.request.error, self.request.completed = TooSlow(""), True
            self.requests.append(self.request)
            self.request = None
            self.server.add_task(self)


class Server(TcpWSGIServer):
    channel_class = Connection

    def maintenance(self, now: float) -> None:
        """Called by waitress every LOOK_EVERY_S, on the thread that reads."""
        super().maintenance(now)
        for connection in list(self.active_channels.values()):
            connection.refuse_the_slow(time.monotonic())

    def work_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            wasyncore.loop(timeout=LOOK_EVERY_S, use_poll=True, map=self._map, count=1)

    def finish(self, deadline: float) -> None:
        """Take nothing new; return when all that was taken is answered, at the latest at `deadline` (monotonic)."""
        wasyncore.dispatcher.close(self)
        self.work_until(lambda: self._is_idle() or time.monotonic() > deadline)

    def _is_idle(self) -> bool:
        return not any(one.requests or one.total_outbufs_len for one in self.active_channels.values())


def _on_signal(wake: Callable[[], Any]) -> Callable[[], bool]:
    """Whether we were asked to stop. `wake` ends the wait for something to read."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return lambda: bool(received)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _host(bind: str) -> str:
    return f"[{bind.strip('[]')}]" if ":" in bind else bind
