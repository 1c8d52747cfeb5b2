from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.connectors.net.servers import Authority, Eye, Server, Speak

Serve = Callable[..., Server]
_EYE = Eye()  # an audit hook stays for the life of the process: one is enough


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that end with the test."""
    started: list[Server] = []

    def start(speak: Speak, tls: ssl.SSLContext | None = None) -> Server:
        started.append(Server(speak, tls))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def eye() -> Iterator[Eye]:
    with _EYE.opened() as opened:
        yield opened


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
