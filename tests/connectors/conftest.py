"""What tests of connectors share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dav_server import DavServer
from tests.scripted_provider import scripted_provider
from tests.sftp_server import SshServer

__all__ = ["dav_server", "scripted_provider", "ssh_server"]


@pytest.fixture(scope="session")
def dav_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    server = DavServer(tmp_path_factory.mktemp("dav")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    server = SshServer(tmp_path_factory.mktemp("ssh") / "sshd").start()
    yield server
    server.stop()
