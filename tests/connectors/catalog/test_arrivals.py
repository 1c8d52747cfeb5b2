"""What arrives outside starts a run: mails in a real mailbox, files in a folder, a bucket, over WebDAV or SFTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from pytest_django import Settings

from connectors.catalog import email_in, file_arrived
from connectors.connections import Told, connect
from connectors.models import Connection
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.dav_server import PASSWORD as DAV_PASSWORD
from tests.dav_server import USER, DavServer
from tests.imap_server import PASSWORD, ImapServer
from tests.s3_server import BUCKET, REGION, S3Server
from tests.sftp_server import SshServer
from tests.workflows.runtime.harness import published, silent_broker
from workflows.models import Run, StoredFile, Trigger, TriggerEvent, Workflow
from workflows.runtime import files
from workflows.services import watching
from workflows.services.connection_uses import uses
from workflows.services.triggers import Wanted, change, set_up

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.what }}"}}


def workflow_in(department: Department, **inputs: Any) -> Workflow:
    inputs = {"what": {"type": "text"}, **inputs}
    return published([TEXT], department, inputs=inputs, output={"text": "{{ steps.a.text }}"})


def looked(trigger: Trigger, times: int = 1) -> Trigger:
    for _ in range(times):
        Trigger.objects.filter(pk=trigger.pk).update(next_at=Now())
        lease = watching.take(trigger.pk)
        assert lease is not None
        with silent_broker():
            assert watching.look(trigger.pk, lease)
    trigger.refresh_from_db()
    return trigger


def told() -> list[str]:
    return [run.output["text"] for run in Run.objects.order_by("id")]


# ── mails ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def imap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImapServer]:
    started = ImapServer(tmp_path_factory.mktemp("imap") / "dovecot").start()
    yield started
    started.stop()


@pytest.fixture
def user() -> str:
    """A mailbox of the test's own."""
    return f"press-{uuid4().hex[:8]}"


@pytest.fixture
def mailbox(imap: ImapServer, user: str) -> Connection:
    legal = factories.make_department("Legal", egress_hosts=[f"private:imap://127.0.0.1:{imap.port}"])
    server = {"imap_host": "127.0.0.1", "imap_port": imap.port, "imap_security": "none"}
    given = {"address": "press@house.example", "user": user, "smtp_host": "smtp.house.example", **server}
    return connect(legal, "email", Told("Press mailbox", given, {"password": PASSWORD}), actor=SYSTEM)


def mail(subject: str, sender: str = "ada@example.org", attached: bytes = b"") -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, "press@house.example", subject
    letter["Message-ID"] = f"<{uuid4()}@example.org>"
    letter.set_content(f"Text of {subject}.")
    if attached:
        letter.add_attachment(attached, maintype="text", subtype="plain", filename="notes.txt")
    return letter.as_bytes()


def awaits_mail(mailbox: Connection, **settings: Any) -> Trigger:
    wanted = Wanted(settings={"connection": mailbox.slug, **settings}, inputs={"what": "{{ event.subject }}"})
    return set_up(workflow_in(mailbox.department), "email.arrived", wanted, actor=SYSTEM)[0]


def test_each_mail_that_comes_in_starts_one_run_and_stays_unread(
    mailbox: Connection, imap: ImapServer, user: str
) -> None:
    imap.deliver(user, mail("Before"))
    trigger = looked(awaits_mail(mailbox))
    for subject in ("One", "Two"):
        imap.deliver(user, mail(subject))
    looked(trigger, 3)
    imap.deliver(user, mail("Three", attached=b"is not kept"))
    looked(trigger, 2)

    assert told() == ["One", "Two", "Three"]
    event = TriggerEvent.objects.order_by("id")[2].data
    assert (event["from"], event["text"].strip(), event["files"]) == ("ada@example.org", "Text of Three.", [])
    assert not list((imap.folder / "mail" / user / "cur").glob("*:2,*S*"))
    assert [use.workflow for use in uses(mailbox)] == [trigger.workflow]


def test_in_an_empty_mailbox_the_first_mail_is_new(mailbox: Connection, imap: ImapServer, user: str) -> None:
    trigger = looked(awaits_mail(mailbox))
    imap.deliver(user, mail("First of all"))
    looked(trigger)
    assert told() == ["First of all"]


def test_only_those_that_fit_with_what_is_attached(mailbox: Connection, imap: ImapServer, user: str) -> None:
    trigger = looked(awaits_mail(mailbox, sender="@agency.example", subject="Mention", attachments=True))
    for subject, sender in [("Mention", "x@other.example"), ("Else", "x@agency.example")]:
        imap.deliver(user, mail(subject, sender))
    looked(trigger)
    imap.deliver(user, mail("A Mention", "x@agency.example", attached=b"All is well."))
    looked(trigger, 2)

    assert told() == ["A Mention"]
    (file,) = TriggerEvent.objects.get().data["files"]
    assert files.read(StoredFile.objects.get(pk=file["file"])) == b"All is well."


def test_more_mails_than_one_look_reads_come_in_order(
    mailbox: Connection, imap: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_in, "AT_A_TIME", 2)
    trigger = looked(awaits_mail(mailbox))
    for number in range(5):
        imap.deliver(user, mail(f"n{number}"))
    looked(trigger, 4)
    assert told() == ["n0", "n1", "n2", "n3", "n4"]


def test_a_folder_that_was_numbered_anew_begins_anew_and_says_so(
    mailbox: Connection, imap: ImapServer, user: str
) -> None:
    imap.deliver(user, mail("Old"))
    trigger = looked(awaits_mail(mailbox))
    Trigger.objects.update(state={**trigger.state, "validity": 1})
    looked(trigger)
    assert (told(), "numbered the mails anew" in trigger.health_said) == ([], True)
    imap.deliver(user, mail("New"))
    looked(trigger)
    assert (told(), trigger.health_said) == (["New"], "")


def test_another_condition_passes_nothing_over_and_another_folder_begins_anew(
    mailbox: Connection, imap: ImapServer, user: str
) -> None:
    trigger = looked(awaits_mail(mailbox))
    imap.deliver(user, mail("Mention"))
    change(trigger, Wanted(settings={**trigger.settings, "subject": "Mention"}, inputs=trigger.inputs), actor=SYSTEM)
    looked(trigger)
    assert told() == ["Mention"]
    change(trigger, Wanted(settings={**trigger.settings, "folder": "Archive"}, inputs=trigger.inputs), actor=SYSTEM)
    trigger.refresh_from_db()
    assert trigger.state == {}


def test_a_connection_of_others_is_refused_and_one_that_was_removed_is_said(mailbox: Connection) -> None:
    other = workflow_in(factories.make_department("Press"))
    with pytest.raises(ValidationError) as refused:
        set_up(other, "email.arrived", Wanted(settings={"connection": mailbox.slug}), actor=SYSTEM)
    assert list(refused.value.message_dict) == ["connection"]

    trigger = awaits_mail(mailbox)
    Connection.objects.update(removed_at=Now())
    looked(trigger)
    assert trigger.health_said == "The connection “press-mailbox” was removed. Choose another one for this trigger."


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Put = Callable[[str, bytes], None]


def a_folder(request: pytest.FixtureRequest) -> Connection:
    root: Path = request.getfixturevalue("tmp_path")
    settings: Settings = request.getfixturevalue("settings")
    settings.FOLDERS = (root,)
    legal = factories.make_department("Legal", egress_hosts=[f"folder://{root}"])
    return connect(legal, "folder", Told("Place", {"path": str(root)}), actor=SYSTEM)


def a_bucket(request: pytest.FixtureRequest) -> Connection:
    server: S3Server = request.getfixturevalue("s3_server")
    legal = factories.make_department("Legal", egress_hosts=[server.entry])
    given = {"address": server.address, "bucket": BUCKET, "access_key": server.access, "region": REGION}
    given["folder"] = f"arrivals/{uuid4().hex}"
    return connect(legal, "s3", Told("Place", given, {"secret_key": server.secret}), actor=SYSTEM)


def a_dav_folder(request: pytest.FixtureRequest) -> Connection:
    server: DavServer = request.getfixturevalue("dav_server")
    legal = factories.make_department("Legal", egress_hosts=[server.entry])
    name = f"arrivals-{uuid4().hex}"
    (server.folder / name).mkdir()
    given = {"address": f"{server.address}/{name}", "user": USER}
    return connect(legal, "webdav", Told("Place", given, {"password": DAV_PASSWORD}), actor=SYSTEM)


def an_sftp_folder(request: pytest.FixtureRequest) -> Connection:
    server: SshServer = request.getfixturevalue("ssh_server")
    root: Path = request.getfixturevalue("tmp_path")
    return over_sftp(server, root, factories.make_department("Legal", egress_hosts=[server.entry]))


def over_sftp(server: SshServer, root: Path, legal: Department) -> Connection:
    at = server.at(root)
    given = {"host": at.host, "port": at.port, "user": at.user, "folder": at.folder, "server_key": at.keys[0]}
    return connect(legal, "sftp", Told("Place", given, {"private_key": at.private_key}), actor=SYSTEM)


PLACES = {"folder": a_folder, "s3": a_bucket, "webdav": a_dav_folder, "sftp": an_sftp_folder}


@pytest.fixture(params=PLACES.values(), ids=PLACES.keys())
def place(request: pytest.FixtureRequest) -> Connection:
    made: Connection = request.param(request)
    return made


@pytest.fixture
def put(place: Connection) -> Put:
    """As another program does it."""
    from connectors import accounts

    store = accounts.opened(place).files
    return lambda path, content: store.write(path, content, over=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks the same in two looks has come, however short the time between."""
    monkeypatch.setattr(file_arrived, "STILL_S", 0.001)


def awaits_files(place: Connection, **settings: Any) -> Trigger:
    workflow = workflow_in(place.department, file={"type": "file"})
    wanted = Wanted(
        settings={"connection": place.slug, "folder": "in", **settings}, inputs={"what": "{{ event.path }}"}
    )
    return set_up(workflow, "files.arrived", wanted, actor=SYSTEM)[0]


@pytest.mark.usefixtures("at_once")
def test_a_file_that_has_come_or_was_changed_starts_one_run(place: Connection, put: Put) -> None:
    put("in/old.pdf", b"old")
    trigger = looked(awaits_files(place, pattern="*.PDF"))
    put("in/new.pdf", b"All is well.")
    put("in/note.txt", b"is of no interest")
    looked(trigger)
    assert told() == [], "it may still grow"
    looked(trigger, 2)
    put("in/old.pdf", b"old, but changed")
    looked(trigger, 3)

    assert told() == ["in/new.pdf", "in/old.pdf"]
    given = Run.objects.order_by("id")[0].inputs["file"]
    assert (given["name"], given["sha256"]) == ("new.pdf", hashlib.sha256(b"All is well.").hexdigest())
    assert files.read(StoredFile.objects.get(pk=given["file"])) == b"All is well."


def test_a_file_counts_only_when_it_has_stopped_to_grow(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = a_folder(request)
    (tmp_path / "in").mkdir()
    trigger = looked(awaits_files(place))
    for size in (1, 2, 3):
        (tmp_path / "in" / "a.txt").write_bytes(b"x" * size)
        looked(trigger)
    looked(trigger)
    assert told() == [], "it has not stood still for half a minute"
    growing = {key: [*mark[:2], mark[2] - 60] for key, mark in trigger.state["growing"].items()}
    Trigger.objects.update(state={**trigger.state, "growing": growing})
    looked(trigger)
    assert (told(), Run.objects.get().inputs["file"]["size"]) == (["in/a.txt"], 3)


@pytest.mark.usefixtures("at_once")
def test_a_file_that_is_too_large_stops_no_other(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = a_folder(request)
    (tmp_path / "in").mkdir()
    trigger = looked(awaits_files(place))
    with (tmp_path / "in" / "a.bin").open("wb") as file:
        file.truncate(26_000_000)
    (tmp_path / "in" / "b.txt").write_bytes(b"x")
    looked(trigger, 3)
    large, small = TriggerEvent.objects.order_by("id")
    assert (large.data["file"], "at most 25,000,000" in large.data["problem"], large.outcome) == (None, True, "refused")
    assert (small.title, small.outcome) == ("b.txt", "started")


@pytest.mark.usefixtures("at_once")
def test_files_of_a_look_that_came_too_late_are_not_kept(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = a_folder(request)
    (tmp_path / "in").mkdir()
    trigger = looked(awaits_files(place))
    (tmp_path / "in" / "a.txt").write_bytes(b"x")
    looked(trigger)
    Trigger.objects.update(next_at=Now())
    lease = watching.take(trigger.pk)
    assert lease is not None
    read = file_arrived._come

    def come(*args: Any) -> Any:
        Trigger.objects.update(busy_until=None)
        return read(*args)

    monkeypatch.setattr(file_arrived, "_come", come)
    assert not watching.look(trigger.pk, lease)
    assert not StoredFile.objects.exists()
