"""What tests of connectors share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_server import S3Server
from tests.scripted_provider import scripted_provider

__all__ = ["s3_server", "scripted_provider"]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One for all: it keeps what it knows in the process."""
    server = S3Server().start()
    yield server
    server.stop()
