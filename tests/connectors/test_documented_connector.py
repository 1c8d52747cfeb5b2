"""The connector in docs/writing-a-connector.md, as it stands there: connected, tried and used in a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from config.env import ROOT
from connectors import accounts
from connectors.connections import Told, connect, try_out
from departments.access import SYSTEM
from tests import factories
from tests.workflows.runtime.harness import done
from workflows.runtime import kinds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _documented(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of one's own with the file in it, as docs/operating.md has it."""
    (written,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/writing-a-connector.md").read_text(), re.DOTALL)
    package = tmp_path / "documented_connectors"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "notes.py").write_text(written)
    monkeypatch.syspath_prepend(tmp_path)
    settings.STEP_PACKAGES = [*settings.STEP_PACKAGES, package.name]
    _forget()
    yield
    _forget()
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def _forget() -> None:
    accounts.connectors.cache_clear()
    kinds.kinds.cache_clear()


@pytest.mark.usefixtures("_documented")
def test_one_file_is_all_it_takes(httpserver: HTTPServer) -> None:
    signed = {"X-Notes-Key": "unheard-of-key"}
    httpserver.expect_request("/api/me", headers=signed).respond_with_json({"name": "Ada"})
    httpserver.expect_request("/api/notes", method="POST", headers=signed).respond_with_json({"id": "n-1"}, status=201)
    legal = factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])

    told = Told("Team notes", {"address": httpserver.url_for("/api")}, {"key": "unheard-of-key"})
    connection = connect(legal, "notes", told, actor=SYSTEM)
    assert try_out(connection, actor=SYSTEM)
    run = done(
        [{"id": "note", "kind": "notes.add", "with": {"connection": "team-notes", "text": "Hello"}}], department=legal
    )

    assert connection.health_said == "Signed in as Ada."
    assert (run.status, run.steps.get().output) == ("succeeded", {"id": "n-1"})
