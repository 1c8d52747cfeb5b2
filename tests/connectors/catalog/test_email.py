"""The mailbox connector and its two steps, through a connection, against real mail servers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from connectors.connections import Told, change, connect, try_out
from connectors.models import Connection
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.imap_server import PASSWORD, ImapServer
from tests.mail_server import MailServer, only
from tests.workflows.runtime.harness import carried, claim, done, lose_the_worker, published, run_of, silent_broker
from workflows.models import Run, Task
from workflows.runtime import files, store
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)

SEND = {
    "connection": "press-mailbox",
    "to": "ada@example.org, bob@example.org",
    "subject": "Hello",
    "text": "All is well.",
}


@pytest.fixture(scope="module")
def imap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImapServer]:
    started = ImapServer(tmp_path_factory.mktemp("imap") / "dovecot").start()
    yield started
    started.stop()


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    server = MailServer(authenticator=only("press", PASSWORD)).start()
    yield server
    with suppress(RuntimeError):
        server.stop()


@pytest.fixture
def legal(smtp: MailServer, imap: ImapServer) -> Department:
    return factories.make_department(
        "Legal", egress_hosts=[f"private:smtp://127.0.0.1:{smtp.port}", f"private:imap://127.0.0.1:{imap.port}"]
    )


@pytest.fixture
def settings_told(smtp: MailServer, imap: ImapServer) -> dict[str, Any]:
    return {
        "address": "Press <press@house.example>",
        "user": "press",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp.port,
        "smtp_security": "none",
        "imap_host": "127.0.0.1",
        "imap_port": imap.port,
        "imap_security": "none",
    }


@pytest.fixture
def mailbox(legal: Department, settings_told: dict[str, Any]) -> Connection:
    return connect(legal, "email", Told("Press mailbox", settings_told, {"password": PASSWORD}), actor=SYSTEM)


def sends(legal: Department, **more: Any) -> Run:
    return done([{"id": "send", "kind": "email.send", "with": {**SEND, **more}}], department=legal)


def test_a_mailbox_is_tried_at_both_servers(mailbox: Connection) -> None:
    assert try_out(mailbox, actor=SYSTEM)
    assert mailbox.health_said.startswith("Both servers let us in. In the mailbox: ")


def test_a_mailbox_that_is_only_read_needs_no_server_for_sending(
    legal: Department, settings_told: dict[str, Any]
) -> None:
    told = Told("Press mailbox", settings_told | {"smtp_host": ""}, {"password": PASSWORD})
    read_only = connect(legal, "email", told, actor=SYSTEM)

    assert try_out(read_only, actor=SYSTEM)
    assert read_only.health_said.startswith("The server for reading lets us in. In the mailbox: ")
    assert "not set up to send mail" in str(sends(legal).error)


def test_a_wrong_password_is_said(legal: Department, settings_told: dict[str, Any]) -> None:
    wrong = connect(legal, "email", Told("Wrong", settings_told, {"password": "not-this-one"}), actor=SYSTEM)

    assert not try_out(wrong, actor=SYSTEM)
    assert "does not accept the user name and password" in wrong.health_said
    assert "not-this-one" not in wrong.health_said


@pytest.mark.parametrize(
    ("change", "secrets", "field"),
    [
        ({"user": ""}, {"password": PASSWORD}, "user"),
        ({}, {}, "password"),
        ({"user": ""}, {}, "user"),
        ({"smtp_port": 0}, {"password": PASSWORD}, "smtp_port"),
        ({"smtp_host": "", "imap_host": ""}, {"password": PASSWORD}, "smtp_host"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    change: dict[str, Any], secrets: dict[str, str], field: str, legal: Department, settings_told: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(legal, "email", Told("Press", settings_told | change, secrets), actor=SYSTEM)

    assert list(refused.value.message_dict) == [field]


@pytest.mark.parametrize(
    "change_told", [{"smtp_security": "starttls"}, {"imap_security": "tls"}, {"smtp_host": "mail.evil.example"}]
)
def test_a_password_told_for_one_way_goes_no_other(
    change_told: dict[str, str], mailbox: Connection, settings_told: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        change(mailbox, Told("Press mailbox", settings_told | change_told), actor=SYSTEM)

    assert list(refused.value.message_dict) == ["password"]


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_letter_goes_out_with_its_attachment(mailbox: Connection, legal: Department, smtp: MailServer) -> None:
    content = b"the whole memo"
    stored = files.save(legal.pk, "Memo.docx", content, "application/msword")
    ref = {
        "file": str(stored.pk),
        "name": "Memo.docx",
        "type": "application/msword",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }

    run = sends(legal, files=[ref], cc=["cem@example.org"])

    assert run.status == "succeeded", run.error
    (receivers, mail), *_ = smtp.taken
    assert receivers == ["ada@example.org", "bob@example.org", "cem@example.org"]
    assert mail["From"] == "Press <press@house.example>"
    output = run.steps.get().output
    assert mail["Message-ID"] == f"<{output['id']}>"
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("Memo.docx", content)]
    assert PASSWORD not in repr([list(run.steps.values()), *[list(step.tries.values()) for step in run.steps.all()]])


def test_a_receiver_that_is_refused_is_named_in_the_result(
    mailbox: Connection, legal: Department, smtp: MailServer
) -> None:
    smtp.answers = {"bob@example.org": ["550 No such user"]}

    run = sends(legal)

    assert run.steps.get().output["refused"] == ["bob@example.org"]
    assert run.steps.get().output["sent_to"] == ["ada@example.org"]


def test_a_worker_that_died_while_it_sent_never_sends_again_by_itself(
    mailbox: Connection, legal: Department, smtp: MailServer
) -> None:
    run = run_of(published([{"id": "send", "kind": "email.send", "with": SEND}], legal))
    work = claim(run)
    store.announce_effect(work.step)
    lose_the_worker(run, "send")

    run = carried(run)

    assert run.steps.get().status == "parked"
    assert smtp.taken == []


def test_what_was_approved_is_what_leaves(mailbox: Connection, legal: Department, smtp: MailServer) -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?", "sends": "send"}}
    ada = actor_for_user(factories.make_user("Ada", legal, Role.APPROVER))
    run = carried(run_of(published([ask, {"id": "send", "kind": "email.send", "with": SEND}], legal)))
    with silent_broker():
        decide_task(Task.objects.get(run=run), actor=ada, decision="approve")

    run = carried(run)

    assert run.status == "succeeded", run.error
    leaving = Task.objects.get(run=run).leaving
    assert leaving is not None
    (receivers, mail), *_ = smtp.taken
    assert leaving["to"] == receivers
    assert (leaving["headings"]["Subject"], leaving["headings"]["From"]) == (mail["Subject"], mail["From"])
    body = mail.get_body()
    assert body is not None
    assert body.get_content().strip() == leaving["body"]


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_has_come_in_is_read(mailbox: Connection, legal: Department, imap: ImapServer) -> None:
    imap.deliver(
        "press", b"From: Bob <bob@agency.example>\r\nTo: press@house.example\r\nSubject: Mention\r\n\r\nHello.\r\n"
    )

    run = done([{"id": "read", "kind": "email.read", "with": {"connection": "press-mailbox"}}], department=legal)

    assert run.status == "succeeded", run.error
    output = run.steps.get().output
    assert (output["count"], output["mails"][0]["subject"], output["mails"][0]["from"]) == (
        1,
        "Mention",
        "Bob <bob@agency.example>",
    )
    assert output["last"] == output["mails"][0]["number"]


def test_what_is_attached_is_kept_as_a_file_that_later_steps_read(
    mailbox: Connection, legal: Department, imap: ImapServer
) -> None:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "Bob <bob@agency.example>", "Contract"
    letter.set_content("See the attached.")
    letter.add_attachment(
        b"The term is two years.", maintype="application", subtype="octet-stream", filename="../a.txt"
    )
    imap.deliver("press", letter.as_bytes(), folder="Contracts")
    given = {"connection": "press-mailbox", "folder": "Contracts", "attachments": True}
    read = {"id": "mails", "kind": "email.read", "with": given}
    open_it = {"id": "text", "kind": "document.read", "with": {"file": "{{ steps.mails.mails[0].files[0] }}"}}

    run = done([read, open_it], department=legal)

    assert run.status == "succeeded", run.error
    (file,) = run.steps.get(step_id="mails").output["mails"][0]["files"]
    assert (file["name"], file["type"], file["size"]) == ("a.txt", "text/plain", 22)
    assert file["sha256"] == hashlib.sha256(b"The term is two years.").hexdigest()
    assert run.steps.get(step_id="text").output["text"] == "The term is two years."


def test_each_mail_is_read_once_and_what_was_too_much_comes_next(
    mailbox: Connection, legal: Department, imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.net.imap.MOST_BYTES", 10_000)
    given = {"connection": "press-mailbox", "folder": "News"}
    workflow = published([{"id": "read", "kind": "email.read", "with": given}], legal)

    def deliver(subject: str) -> None:
        imap.deliver("press", f"Subject: {subject}\r\n\r\n{'x ' * 3_000}".encode(), folder="News")

    def read() -> list[str]:
        run = carried(run_of(workflow))
        assert run.status == "succeeded", run.error
        return [mail["subject"] for mail in run.steps.get().output["mails"]]

    for number in range(3):
        deliver(f"Mail {number}")
    first, second = read(), read()
    deliver("Later")

    assert (first, second, read(), read()) == (["Mail 0", "Mail 1"], ["Mail 2"], ["Later"], [])
