"""Homes whose paths are short enough for sockets, and the front end fetched once for all of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from config import front_end, parts
from config.processes import Process


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty TANDEM_HOME that goes away with the test."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-house-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """PostgreSQL's data folder, made once."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-house-"))
    process = Process(parts.postgres(folder))
    try:
        process.wait_until_ready()
    finally:
        process.stop()
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def settled_home(home: Path, cluster: Path) -> Path:
    """A TANDEM_HOME whose PostgreSQL has run before."""
    subprocess.run(["cp", "-a", str(cluster), str(home / "postgres")], check=True)
    return home


@pytest.fixture(scope="session")
def built_front_end() -> Path:
    front_end.build(settings.FRONT_END_DIR)
    return Path(settings.FRONT_END_DIR)
