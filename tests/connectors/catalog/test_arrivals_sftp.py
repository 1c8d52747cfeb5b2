"""Files that arrive on OpenSSH's own server, with whatever names: each starts a run, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client

from connectors.catalog import file_arrived
from connectors.models import Connection, Health
from departments.models import Department, Role
from tests import factories
from tests.connectors.catalog.test_arrivals import awaits_files, looked, over_sftp, told, workflow_in
from tests.sftp_server import SshServer
from workflows.models import Run, StoredFile, Trigger
from workflows.runtime import files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_arrived, "STILL_S", 0.001)


HOSTILE = (
    "$(touch gone).txt",
    "; rm -rf .txt",
    "-rf",
    "..txt",
    "{{ 7|times: 7 }}.txt",
    "<img src=x onerror=alert(1)>.txt",
)
UNUSABLE = (b"two\nlines.txt", b"\xff\xfe.txt", b"back\\slash.txt", b"\xe2\x80\xaetxt.exe")


def test_names_are_only_names_and_links_no_files(ssh_server: SshServer, tmp_path: Path) -> None:
    """Set up and seen on its page, against OpenSSH's server."""
    (tmp_path / "in").mkdir()
    legal = factories.make_department("Legal", egress_hosts=[ssh_server.entry])
    place = over_sftp(ssh_server, tmp_path, legal)
    workflow = workflow_in(legal, file={"type": "file"})
    client = Client()
    client.force_login(factories.make_user("Bea", legal, Role.BUILDER))
    told_on_page = {"connection": place.slug, "folder": "in", "pattern": "", "input-what": "{{ event.name }}"}
    client.post(f"/workflows/{workflow.pk}/triggers/new/?kind=files.arrived", told_on_page)
    trigger = looked(Trigger.objects.get())
    for name in (*map(os.fsencode, HOSTILE), *UNUSABLE):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(name)
    (tmp_path / "in" / "passwd.txt").symlink_to("/etc/passwd")
    (tmp_path / "in" / "up").symlink_to("..")
    os.mkfifo(tmp_path / "in" / "pipe.txt")
    looked(trigger, 3)

    assert sorted(told()) == sorted(HOSTILE)
    kept = [files.read(StoredFile.objects.get(pk=run.inputs["file"]["file"])) for run in Run.objects.all()]
    assert sorted(kept) == sorted(map(str.encode, HOSTILE)), "each with its own content, and no other file"
    page = client.get(f"/workflows/{workflow.pk}/triggers/{trigger.pk}/").text
    assert "4 names left out: with invisible characters" in page
    assert "<img src=x" not in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_another_key_of_the_server_and_a_host_not_allowed_are_said_and_stop_it(
    ssh_server: SshServer, tmp_path: Path
) -> None:
    legal = factories.make_department("Legal", egress_hosts=[ssh_server.entry])
    place = over_sftp(ssh_server, tmp_path, legal)
    (tmp_path / "in").mkdir()
    trigger = looked(awaits_files(place))
    settings = dict(place.settings)
    Connection.objects.update(settings={**settings, "server_key": f"SHA256:{'A' * 43}"})
    looked(trigger)
    assert "which is not the one of the connection" in looked(trigger).health_said
    assert trigger.health == Health.FAILS

    Connection.objects.update(settings=settings)
    Department.objects.filter(pk=legal.pk).update(egress_hosts=[])
    assert "127.0.0.1" in looked(trigger).health_said

    Department.objects.filter(pk=legal.pk).update(egress_hosts=[ssh_server.entry])
    (tmp_path / "in" / "late.txt").write_bytes(b"x")
    assert looked(trigger, 3).health == Health.WORKS
    assert told() == ["in/late.txt"]
