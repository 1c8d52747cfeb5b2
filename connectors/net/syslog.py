"""One line to a syslog server (RFC 5424) that the operator has named: by UDP, or in frames by TCP or TLS (RFC 6587)."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, closing
from datetime import UTC, datetime

from connectors import net
from connectors.net import lines
from connectors.net.sockets import Deadline

WITHIN_S = 10.0
PRIORITY = 13 * 8 + 5  # log audit, notice
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}


def message(text: str, kind: str, at: datetime) -> bytes:
    """`kind` is a short word for the kind of message. Source: RFC 5424 §6."""
    host = socket.gethostname()[:255] or "-"
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"<{PRIORITY}>1 {moment} {host} tandem {os.getpid()} {kind} - {text}".encode()


def send(way: str, host: str, port: int, line: bytes) -> None:
    """`way` is udp, tcp or tls. Raises OSError. By UDP nobody says whether it has arrived."""
    net.demand_no_transaction()
    deadline = Deadline.after(WITHIN_S)
    if way == "udp":
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with closing(socket.socket(family, kind, protocol)) as sender:
            sender.sendto(line, address)
        return
    with ExitStack() as stack:
        stream = stack.enter_context(socket.create_connection((host, port), timeout=deadline.left()))
        if way == "tls":
            stream = stack.enter_context(lines.secured(stream, host, deadline))
        stream.settimeout(deadline.left())
        stream.sendall(b"%d %b" % (len(line), line))
