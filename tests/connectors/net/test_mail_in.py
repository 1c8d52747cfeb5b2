"""Mails in from a real IMAP server (Dovecot): found, read without being marked, and never stopped by a crooked one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.mailboxes import Mailbox
from connectors.net import imap, sockets
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, BadParams, Unavailable
from connectors.sdk.mail import MailServer, Sought
from tests.connectors.net.conftest import Serve
from tests.connectors.net.servers import Authority, Eye, drips, is_silent
from tests.imap_server import PASSWORD, ImapServer

HERE, BESIDE = (Path(__file__).resolve().parents[up] for up in (2, 4))
FOLDERS = [folder for folder in (BESIDE / "shared/data/mime", HERE / "data/mime") if folder.exists()]
CROOKED = [path for path in sorted(FOLDERS[0].rglob("*")) if path.is_file()]
"""The whole collection where it stands beside the repository, else the dozen of its files that lie in it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[ImapServer]:
    folder = tmp_path_factory.mktemp("imap")
    authority.server("localhost")
    pem = authority.path("localhost")
    started = ImapServer(folder / "dovecot", pem, pem).start()
    yield started
    started.stop()


@pytest.fixture
def user() -> str:
    return f"u{uuid4().hex[:12]}"


def box(server: ImapServer, user: str, **other: object) -> Mailbox:
    told = {"host": "127.0.0.1", "port": server.port, "security": "none", "user": user, "password": PASSWORD, **other}
    account = MailServer(**told)  # type: ignore[arg-type]
    return Mailbox({"imap": account}, Egress((f"private:imap://{account.host}:{account.port}",)))


def mail(subject: str, text: str = "Hello.", sender: str = "Bob Löwe <bob@agency.example>") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "Ada <ada@example.org>, cem@example.org", subject
    message["Date"], message["Message-ID"] = "Mon, 23 Nov 2026 10:00:00 +0100", f"<{uuid4().hex}@agency.example>"
    message.set_content(text)
    return message.as_bytes()


def test_a_mail_is_read_with_all_that_it_says(server: ImapServer, user: str) -> None:
    server.deliver(user, mail("Grüße aus Köln", "Everything\nis well."))

    (found,) = box(server, user).fetch(Sought())

    assert (found.subject, found.sender) == ("Grüße aus Köln", "Bob Löwe <bob@agency.example>")
    assert found.to == ("Ada <ada@example.org>", "cem@example.org")
    assert found.text.split() == ["Everything", "is", "well."]
    assert found.sent_at is not None
    assert found.sent_at.date() == date(2026, 11, 23)
    assert found.id.endswith("@agency.example")
    assert (found.is_read, found.problems) == (False, ())


def test_reading_marks_nothing_and_marking_does(server: ImapServer, user: str) -> None:
    server.deliver(user, mail("One"))
    mailbox = box(server, user)

    (first,) = mailbox.fetch(Sought(unread=True))
    (again,) = mailbox.fetch(Sought(unread=True))
    mailbox.mark_read("INBOX", [first.uid])

    assert again.uid == first.uid
    assert mailbox.fetch(Sought(unread=True)) == []
    assert [each.is_read for each in mailbox.fetch(Sought())] == [True]


def test_the_oldest_come_first_and_known_ones_are_left_out(server: ImapServer, user: str) -> None:
    for number in range(5):
        server.deliver(user, mail(f"Mail {number}"))
    mailbox = box(server, user)

    first = mailbox.fetch(Sought(most=2))
    rest = mailbox.fetch(Sought(after=first[-1].uid))

    assert [each.subject for each in (*first, *rest)] == [f"Mail {number}" for number in range(5)]
    assert mailbox.fetch(Sought(after=rest[-1].uid)) == []


def test_mails_are_named_without_being_read_and_read_by_their_names(server: ImapServer, user: str) -> None:
    for number in range(3):
        server.deliver(user, mail(f"Mail {number}"))
    mailbox = box(server, user)

    keys = mailbox.keys(Sought(subject="Mail"))
    renumbered = f"1{keys[0]}"

    assert len(set(keys)) == 3
    found = mailbox.fetch(Sought(subject="Nothing like it", keys=[keys[2], keys[0], "1-1", renumbered]))
    assert [each.subject for each in found] == ["Mail 2", "Mail 0"]
    assert mailbox.keys(Sought(subject="Nothing like it")) == []
    gone = f"{keys[0].partition('-')[0]}-99999"
    assert mailbox.fetch(Sought(keys=[gone])) == []


def test_of_large_mails_as_many_are_read_as_fit(server: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "MOST_BYTES", 10_000)
    for number in range(3):
        server.deliver(user, mail(f"Mail {number}", "x " * 3_000))

    assert [each.subject for each in box(server, user).fetch(Sought())] == ["Mail 0", "Mail 1"]


def test_they_are_sought_by_sender_subject_and_day(server: ImapServer, user: str) -> None:
    server.deliver(user, mail("Erwähnung in der Presse"))
    server.deliver(user, mail("Invoice", sender="cem@example.org"))
    mailbox = box(server, user)

    assert [each.subject for each in mailbox.fetch(Sought(sender="agency"))] == ["Erwähnung in der Presse"]
    assert [each.subject for each in mailbox.fetch(Sought(subject="erwähnung"))] == ["Erwähnung in der Presse"]
    assert len(mailbox.fetch(Sought(since=date(2020, 1, 1)))) == 2
    assert mailbox.fetch(Sought(since=date(2099, 1, 1))) == []
    assert mailbox.fetch(Sought(subject='" OR ALL "')) == []


def test_folders_are_listed_and_read_and_an_unknown_one_is_said(server: ImapServer, user: str) -> None:
    server.deliver(user, mail("Here"))
    server.deliver(user, mail("There"), folder="Presse")
    mailbox = box(server, user)

    assert {"INBOX", "Presse"} <= set(mailbox.folders())
    assert [each.subject for each in mailbox.fetch(Sought(folder="Presse"))] == ["There"]
    with pytest.raises(BadParams, match="There is no folder “Nowhere”"):
        mailbox.fetch(Sought(folder="Nowhere"))


def test_a_wrong_password_is_said_without_being_repeated(server: ImapServer, user: str) -> None:
    with pytest.raises(AuthFailed, match="does not accept") as refused:
        box(server, user, password="not-the-password").folders()

    assert "not-the-password" not in str(refused.value)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_it_is_read_secured(
    security: str, server: ImapServer, user: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.tls_port if security == "tls" else server.port
    server.deliver(user, mail("Secured"))
    there = box(server, user, host="localhost", port=port, security=security)
    with pytest.raises(Unavailable, match="not who it says it is"):
        there.fetch(Sought())

    monkeypatch.setattr(sockets, "default_tls", authority.trusted)

    assert [each.subject for each in there.fetch(Sought())] == ["Secured"]
    with pytest.raises(Unavailable, match="not who it says it is"):
        box(server, user, port=port, security=security).fetch(Sought())


def test_no_crooked_mail_stops_the_others(server: ImapServer, user: str) -> None:
    server.deliver(user, mail("First"))
    for path in CROOKED:
        server.deliver(user, path.read_bytes())
    for content in (b"", b"\n", b"no header at all", b"Subject: =?utf-8?q?=FF=FE?=\n\n\xff\xfe\x00", b"X" * 100_000):
        server.deliver(user, content)
    server.deliver(user, mail("Last"))

    found = box(server, user).fetch(Sought(most=100))

    assert len(CROOKED) >= 19
    assert len(found) == len(CROOKED) + 7
    assert (found[0].subject, found[-1].subject) == ("First", "Last")
    assert all(isinstance(each.text, str) and "\x00" not in each.text for each in found)


def test_one_that_is_too_large_is_named_and_not_taken(
    server: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "LARGEST_BYTES", 10_000)
    server.deliver(user, mail("Large", "x " * 10_000))
    server.deliver(user, mail("Small"))

    large, small = box(server, user).fetch(Sought())

    assert "too large to be read here" in large.problems[0]
    assert small.subject == "Small"


def test_a_server_that_is_not_listed_is_not_connected(server: ImapServer, user: str, eye: Eye) -> None:
    there = box(server, user)
    for hosts in ((), (f"imap://127.0.0.1:{server.port}",), (f"private:smtp://127.0.0.1:{server.port}",)):
        with eye.opened() as seen, pytest.raises(BadParams):
            Mailbox(there.servers, Egress(hosts)).folders()
        assert seen.attempts == []


def test_one_who_drips_or_says_nothing_is_cut_at_the_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LONGEST_S", 0.6)
    for speak in (drips(b"* OK ", b"x"), is_silent):
        port = int(serve(speak).url.rpartition(":")[2])
        began = time.monotonic()
        account = MailServer("127.0.0.1", port, "none", "ada", PASSWORD)
        with pytest.raises(Unavailable):
            imap.folders(account, Egress((f"private:imap://127.0.0.1:{port}",)))
        assert time.monotonic() - began < 5
