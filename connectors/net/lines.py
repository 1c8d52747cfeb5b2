"""One long connection to a server that speaks no HTTP (mail), under the same rules: listed, resolved once, pinned."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from connectors import net
from connectors.net import reach, sockets, urls
from connectors.net.egress import Egress
from connectors.net.sockets import Deadline, Resolve
from connectors.net.urls import BadUrl, Url
from connectors.sdk import BadParams


@contextmanager
def line(
    scheme: str,
    host: str,
    port: int,
    *,
    policy: Egress,
    deadline: Deadline,
    resolve: Resolve = sockets.system_resolver,
) -> Iterator[socket.socket]:
    """A connected socket, cut at the deadline however slowly the other side drips, and closed at the end.

    Raises BadParams (not allowed), Unavailable (nobody answers). RuntimeError inside a database transaction.
    """
    net.demand_no_transaction()
    url = place(scheme, host, port)
    try:
        addresses = reach.permitted_addresses(url, policy, resolve, deadline)
        raw = sockets.first_that_answers(addresses, url.port, deadline)
    except OSError as error:
        raise reach.no_answer(url, error, maybe_done=False) from None
    # The libraries above set timeouts for each read of their own; only a cut ends a reader who gets a byte a second.
    # It has a handle of its own, because TLS takes the first one over.
    handle = raw.dup()
    cut = threading.Timer(deadline.left(), _cut, [handle])
    cut.daemon = True
    cut.start()
    try:
        yield raw
    finally:
        cut.cancel()
        _cut(handle)
        handle.close()
        raw.close()


def secured(raw: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
    """TLS from the first byte; the certificate must be that of the host. Raises OSError."""
    raw.settimeout(deadline.left())
    return sockets.default_tls().wrap_socket(raw, server_hostname=host)


def place(scheme: str, host: str, port: int) -> Url:
    """Raises BadParams."""
    try:
        return urls.line(scheme, host, port)
    except BadUrl as error:
        problem = f"This is no host that can be reached: {error}."
        raise BadParams(problem, fields={"host": problem}) from None


def _cut(raw: socket.socket) -> None:
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
