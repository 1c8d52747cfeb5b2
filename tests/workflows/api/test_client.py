"""The client that other programs copy, against a server that listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from departments.access import SYSTEM
from departments.models import Role
from departments.tokens import create_token
from docs.tandem_client import Refused, Tandem
from tests import factories
from tests.workflows.runtime.harness import carried, published, silent_broker
from workflows.models import Run, StoredFile
from workflows.runtime import files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tandem(live_server: LiveServer) -> Tandem:
    legal = factories.make_department("Legal")
    steps = [
        {"id": "ok", "kind": "people.approve", "with": {"question": "May we?", "role": "manager"}},
        {"id": "a", "kind": "text.compose", "with": {"text": "Dear {{ inputs.name }}"}},
    ]
    inputs = {"name": {"type": "text"}, "file": {"type": "file", "required": False}}
    published(steps, legal, name="Letters", inputs=inputs, output={"letter": "{{ steps.a.text }}"})
    _token, secret = create_token(legal, role=Role.MANAGER, name="Client", actor=SYSTEM)
    return Tandem(live_server.url, secret)


def test_it_starts_uploads_decides_waits_and_lists(tandem: Tandem, tmp_path: Path) -> None:
    (tmp_path / "brief “A”.txt").write_bytes(b"Hello")
    with silent_broker():
        file = tandem.upload(tmp_path / "brief “A”.txt")
        runs = [tandem.start("letters", {"name": "Ada", "file": file}, key="order-1") for _ in range(2)]
        tandem.start("letters", {"name": "Grace"})
        assert runs[0] == runs[1]
        carried(Run.objects.get(pk=runs[0].id))
        assert tandem.wait(runs[0].id, within_s=1).status == "waiting"
        (task,) = tandem.tasks(run=runs[0].id)
        assert (task.question, "approve" in task.decisions_possible) == ("May we?", True)
        tandem.decide(task.id, "approve", seen_sha256=task.shown_sha256)
        carried(Run.objects.get(pk=runs[0].id))
    found = tandem.wait(runs[0].id, within_s=1)
    assert (found.is_over, found.output) == (True, {"letter": "Dear Ada"})
    assert files.read(StoredFile.objects.get(pk=file)) == b"Hello"
    assert len(list(tandem.all("runs", page_size=1))) == 2, "page by page"


def test_what_is_refused_says_why(tandem: Tandem) -> None:
    with pytest.raises(Refused) as refused:
        tandem.start("letters", {})
    assert refused.value.status == 400
    assert "name" in str(refused.value)
    with pytest.raises(Refused, match="404"):
        tandem.run("nobody/../me")
    tandem.token = "tdm_wrong"
    with pytest.raises(Refused, match="401"):
        tandem.get("me")
