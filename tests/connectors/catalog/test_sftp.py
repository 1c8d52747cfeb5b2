"""Folders over SFTP: no word to a server whose key is not known, and nothing outside of the folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.core.exceptions import ValidationError

from connectors.catalog.sftp import Sftp
from connectors.connections import Told, change, connect, try_out
from connectors.models import Connection
from connectors.net.egress import Egress
from connectors.net.sftp import OpenSftp
from connectors.sdk import AuthFailed, BadParams, Rejected, StepError
from connectors.sdk.stores import MOST_BYTES, SftpAt
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.sftp_server import PASSWORD, USER, PasswordServer, SshServer
from tests.workflows.runtime.harness import done


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PasswordServer]:
    (tmp_path / "exchange").mkdir()
    started = PasswordServer(tmp_path)
    yield started
    started.close()


@pytest.fixture
def legal(server: PasswordServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[server.entry])


def told(server: PasswordServer, **other: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "user": USER, "folder": "/exchange", **other}


def connected(legal: Department, server: PasswordServer, password: str = PASSWORD, **other: Any) -> Connection:
    return connect(legal, "sftp", Told("Files", told(server, **other), {"password": password}), actor=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_the_first_test_shows_the_key_and_sends_nothing(server: PasswordServer, legal: Department) -> None:
    place = connected(legal, server)
    assert not try_out(place, actor=SYSTEM)
    shown = server.key.get_fingerprint()
    assert f"shows the key {shown}" in place.health_said
    assert server.passwords == []

    change(place, Told("Files", told(server, server_key=shown)), actor=SYSTEM)
    place.refresh_from_db()

    assert try_out(place, actor=SYSTEM), place.health_said
    assert place.health_said == "Signed in. In the folder: 0 files and 0 folders."


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_changed_is_refused_before_the_password(server: PasswordServer, legal: Department) -> None:
    old = server.key.get_fingerprint()
    place = connected(legal, server, server_key=old)
    assert try_out(place, actor=SYSTEM)
    server.passwords.clear()

    server.change_key()

    assert not try_out(place, actor=SYSTEM)
    assert f"shows the key {server.key.get_fingerprint()}, which is not the one" in place.health_said
    assert server.passwords == []
    change(place, Told("Files", told(server, server_key=f"{old} {server.key.get_fingerprint()}")), actor=SYSTEM)
    place.refresh_from_db()
    assert try_out(place, actor=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_a_wrong_password_is_said_without_being_repeated(server: PasswordServer, legal: Department) -> None:
    place = connected(legal, server, "not-the-password", server_key=server.key.get_fingerprint())

    assert not try_out(place, actor=SYSTEM)
    assert "does not let us in" in place.health_said
    assert "not-the-password" not in place.health_said


@pytest.mark.django_db(transaction=True)
def test_a_run_reads_writes_and_moves(server: PasswordServer, legal: Department, tmp_path: Path) -> None:
    connected(legal, server, server_key=server.key.get_fingerprint())
    (tmp_path / "exchange" / "Bericht ä.txt").write_text("All is well.")
    given = {"connection": "files", "path": "Bericht ä.txt"}
    read = {"id": "read", "kind": "files.read", "with": given}
    write = {"connection": "files", "file": "{{ steps.read.file }}", "folder": "copies", "name": "copy.txt"}
    move = {"id": "move", "kind": "files.move", "with": {**given, "folder": "done"}}

    run = done([read, {"id": "write", "kind": "files.write", "with": write}, move], department=legal)

    assert run.status == "succeeded", run.error
    assert (tmp_path / "exchange/copies/copy.txt").read_text() == "All is well."
    assert (tmp_path / "exchange/done/Bericht ä.txt").read_text() == "All is well."
    assert PASSWORD not in repr([list(step.tries.values()) for step in run.steps.all()])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "secrets", "field"),
    [
        ({}, {}, "password"),
        ({"server_key": "MD5:aa:bb"}, {"password": "x"}, "server_key"),
        ({"folder": "../up"}, {"password": "x"}, "folder"),
        ({}, {"private_key": "ssh-ed25519 AAAA"}, "private_key"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(other: dict[str, Any], secrets: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(
            factories.make_department(), "sftp", Told("F", {"host": "f", "user": "u", **other}, secrets), actor=SYSTEM
        )

    assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db
def test_a_password_told_for_one_server_goes_to_no_other(server: PasswordServer, legal: Department) -> None:
    place = connected(legal, server)
    for other in ({"host": "evil.example"}, {"port": 1}):
        with pytest.raises(ValidationError) as refused:
            change(place, Told("Files", told(server, **other)), actor=SYSTEM)
        assert list(refused.value.message_dict) == ["password"]


# ── OpenSSH ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def root(ssh_server: SshServer, tmp_path: Path) -> Path:
    (tmp_path / "press").mkdir()
    (tmp_path / "secret.txt").write_text("not for you")
    return tmp_path / "press"


@pytest.fixture
def store(ssh_server: SshServer, root: Path) -> OpenSftp:
    return OpenSftp(ssh_server.at(root), Egress((ssh_server.entry,)))


def test_a_key_in_one_line_opens_as_well(ssh_server: SshServer, root: Path) -> None:
    squeezed = ssh_server.private_key.replace("\n", "")
    at = ssh_server.at(root)
    settings = Sftp.Settings(host=at.host, user=at.user, port=at.port, folder=str(root), server_key=at.keys[0])
    secrets = Sftp.Secrets(private_key=squeezed)

    assert Sftp.check(settings, secrets) == {}
    assert OpenSftp(Sftp.files_at(settings, secrets), Egress((ssh_server.entry,))).list("").items == []


def test_no_link_leads_out(store: OpenSftp, root: Path) -> None:
    (root / "file").symlink_to("../secret.txt")
    (root / "up").symlink_to("..")
    (root / "good.txt").touch()

    for path in ("file", "up/secret.txt", "up"):
        with pytest.raises(BadParams):
            store.read(path)
        with pytest.raises(BadParams):
            store.move(path, "mine")
    for does in (
        lambda: store.list("up"),
        lambda: store.write("up/new.txt", b"x", over=True),
        lambda: store.remove("up/secret.txt"),
        lambda: store.move("good.txt", "up/good.txt"),
    ):
        with pytest.raises((BadParams, Rejected)):
            does()
    assert [item.path for item in store.list("").items] == ["good.txt"]
    assert sorted(each.name for each in root.parent.iterdir()) == ["press", "secret.txt"]
    assert (root.parent / "secret.txt").read_text() == "not for you"


def test_odd_names_pipes_and_folders_stop_no_other(store: OpenSftp, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "sub").mkdir()
    for name in (b"two\nlines", b"\xff\xfe", b"back\\slash", b"good.txt"):
        (root / os.fsdecode(name)).touch()

    listing = store.list("")

    assert ([item.path for item in listing.items], listing.folders, listing.odd) == (["good.txt"], ["sub"], 3)
    for name in ("pipe", "sub"):
        with pytest.raises(BadParams):
            store.read(name)
    with pytest.raises(BadParams, match="is a folder"):
        store.remove("sub")


def test_what_is_too_large_is_said(store: OpenSftp, root: Path) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    with pytest.raises(Rejected, match="25,000,001 bytes"):
        store.read("huge")


def test_a_key_that_cannot_be_used_is_said(ssh_server: SshServer, root: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", str(root / "locked")], check=True)
    broken = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    at = ssh_server.at(root)

    for text, says in (
        ((root / "locked").read_text(), "locked with a passphrase"),
        (broken, "cannot be read"),
        (other, "does not let us in"),
    ):
        place = SftpAt(at.host, at.port, at.user, at.folder, at.keys, private_key=text)
        with pytest.raises(AuthFailed, match=says):
            OpenSftp(place, Egress((ssh_server.entry,))).list("")


def test_what_stands_at_home_is_ignored(
    store: OpenSftp, ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  HostName evil.example\n  ProxyCommand touch /tmp/never\n")
    (tmp_path / ".ssh" / "known_hosts").write_text("* ssh-ed25519 AAAA\n")
    (tmp_path / ".ssh" / "id_ed25519").write_text(ssh_server.private_key)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))

    assert store.list("").items == []
    at = ssh_server.at(tmp_path)
    with pytest.raises(StepError):
        OpenSftp(SftpAt(at.host, at.port, at.user, at.folder, at.keys, password="x"), store.policy).list("")
