"""Letters out by a real SMTP server: secured, signed in, refused, broken off, and to nowhere that is not listed."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from connectors.net import smtp, sockets
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, BadParams, Rejected, Unavailable
from connectors.sdk.mail import Enclosure, Letter, MailServer
from tests.connectors.net.conftest import Serve
from tests.connectors.net.servers import Authority, Eye, drips, is_silent
from tests.mail_server import MailServer as RealServer
from tests.mail_server import only

LETTER = Letter("Press office <press@house.example>", ["ada@example.org"], "Grüße", "Hello Ada,\n\nall is well.\n")


@pytest.fixture
def real() -> Iterator[RealServer]:
    server = RealServer()
    yield server
    with suppress(AttributeError, RuntimeError):  # never started, or stopped by the test
        server.stop()


def account(server: RealServer, security: str = "none", host: str = "127.0.0.1", **who: str) -> MailServer:
    return MailServer(host, server.port, security, **who)


def listed(server: Any, host: str = "127.0.0.1") -> Egress:
    return Egress((f"private:smtp://{host}:{server.port}",))


def test_it_arrives_as_it_was_written(real: RealServer) -> None:
    real.start()
    letter = Letter(
        "Press office <press@house.example>",
        ["Ada Löwe <ada@example.org>", "bob@example.org"],
        "Grüße aus Köln 🙂",
        "Hello,\n\n.a line with a dot\nFrom here on\n" + "long " * 400,
        cc=["cem@example.org"],
        bcc=["dora@example.org"],
        reply_to="desk@house.example",
        id="abc@house.example",
        in_reply_to="xyz@example.org",
        enclosures=[Enclosure("Übersicht.pdf", "application/pdf", b"%PDF-1.7 \x00\xff"), Enclosure("a.txt", "", b"x")],
    )

    assert smtp.send(letter, account(real), listed(real)) == []

    (receivers, mail), *_ = real.taken
    assert receivers == ["ada@example.org", "bob@example.org", "cem@example.org", "dora@example.org"]
    assert (mail["Subject"], mail["To"]) == ("Grüße aus Köln 🙂", "Ada Löwe <ada@example.org>, bob@example.org")
    assert (mail["Cc"], mail["Bcc"], mail["Reply-To"]) == ("cem@example.org", None, "desk@house.example")
    assert (mail["Message-ID"], mail["In-Reply-To"]) == ("<abc@house.example>", "<xyz@example.org>")
    body = mail.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == letter.text + "\n" * (not letter.text.endswith("\n"))
    files = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in mail.iter_attachments()]
    assert files == [
        ("Übersicht.pdf", "application/pdf", b"%PDF-1.7 \x00\xff"),
        ("a.txt", "application/octet-stream", b"x"),
    ]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_it_goes_secured_and_signed_in(
    security: str, real: RealServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "default_tls", authority.trusted)
    context = authority.server("localhost")
    real.tls, real.starttls = (context, None) if security == "tls" else (None, context)
    real.authenticator = only("press", "hunter2hunter2")
    real.start()
    who = {"user": "press", "password": "hunter2hunter2"}

    smtp.send(LETTER, account(real, security, "localhost", **who), listed(real, "localhost"))

    assert real.was_encrypted == [True]
    assert real.recipients() == ["ada@example.org"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_of_somebody_else_gets_no_password(
    security: str, real: RealServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "default_tls", authority.trusted)
    context = authority.server("other.example")
    real.tls, real.starttls = (context, None) if security == "tls" else (None, context)
    real.start()

    with pytest.raises(Unavailable, match="not who it says it is"):
        smtp.send(LETTER, account(real, security, "localhost", user="u", password="p" * 9), listed(real, "localhost"))

    assert real.taken == []


def test_without_starttls_nothing_is_sent_in_clear(real: RealServer) -> None:
    real.start()

    with pytest.raises(AuthFailed, match="check security"):
        smtp.send(LETTER, account(real, "starttls"), listed(real))

    assert real.taken == []


def test_a_wrong_password_is_said_without_being_repeated(real: RealServer) -> None:
    real.authenticator = only("press", "right-password")
    real.start()

    with pytest.raises(AuthFailed, match="does not accept") as refused:
        smtp.send(LETTER, account(real, user="press", password="wrong-password"), listed(real))

    assert "wrong-password" not in str(refused.value)


# ── what the server does not take ────────────────────────────────────────────────────────────────────────────────────


def test_those_it_refuses_are_named_and_the_others_get_it(real: RealServer) -> None:
    real.answers = {"bob@example.org": ["550 No such user"]}
    real.start()
    letter = Letter("press@house.example", ["ada@example.org", "bob@example.org"], "Hello", "Hello")

    assert smtp.send(letter, account(real), listed(real)) == ["bob@example.org"]
    assert real.recipients() == ["ada@example.org"]


def test_where_it_refuses_all_nothing_is_sent(real: RealServer) -> None:
    real.answers = {"ada@example.org": ["550 No such user"]}
    real.start()

    with pytest.raises(Rejected, match=r"refused every receiver: ada@example\.org"):
        smtp.send(LETTER, account(real), listed(real))

    assert real.taken == []


def test_not_now_is_tried_again_later(real: RealServer) -> None:
    real.answers = {"ada@example.org": ["450 Greylisted"]}
    real.start()

    with pytest.raises(Unavailable, match="450 Greylisted") as refused:
        smtp.send(LETTER, account(real), listed(real))

    assert (refused.value.maybe_done, real.taken) == (False, [])
    assert smtp.send(LETTER, account(real), listed(real)) == []


def test_a_sender_it_does_not_want_is_said(real: RealServer) -> None:
    real.refused_senders = ["press@house.example"]
    real.start()

    with pytest.raises(Rejected, match="550 Not from there"):
        smtp.send(LETTER, account(real), listed(real))


def test_a_line_that_breaks_after_the_text_may_have_sent_it(real: RealServer) -> None:
    real.holds = True
    real.start()
    threading.Thread(target=lambda: (real.held.wait(10), real.stop()), daemon=True).start()

    with pytest.raises(Unavailable) as broken:
        smtp.send(LETTER, account(real), listed(real))

    assert broken.value.maybe_done


@pytest.mark.parametrize(
    "written",
    ["", "ada", "ada@", "@example.org", "ada@example.org, bob@example.org", "ada@exa mple.org", "grün@example.org"],
)
def test_what_is_no_address_is_refused_before_anything_is_connected(written: str, eye: Eye, real: RealServer) -> None:
    with eye.opened() as seen, pytest.raises(BadParams):
        smtp.send(Letter("press@house.example", [written], "Hello", "Hello"), account(real), listed(real))

    assert seen.attempts == []


@pytest.mark.parametrize("written", ["Hello\r\nBcc: eve@example.org", "Hello\nX: y", "Hello\x00"])
def test_nothing_can_be_smuggled_into_a_header(written: str, real: RealServer) -> None:
    real.start()
    letter = Letter("press@house.example", ["ada@example.org"], written, "Hello")

    try:
        smtp.send(letter, account(real), listed(real))
    except BadParams:
        return

    (receivers, mail), *_ = real.taken
    assert receivers == ["ada@example.org"]
    assert (mail["Bcc"], mail["X"]) == (None, None)


# ── where to ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("smtp://127.0.0.1:{port}",),  # not marked as our own network
        ("private:http://127.0.0.1:{port}",),
        ("private:imap://127.0.0.1:{port}",),
        ("private:smtp://127.0.0.1",),
        ("private:smtp://localhost:{port}",),
    ],
)
def test_a_server_that_is_not_listed_is_not_connected(hosts: tuple[str, ...], real: RealServer, eye: Eye) -> None:
    policy = Egress(tuple(host.format(port=real.port) for host in hosts))
    with eye.opened() as seen, pytest.raises(BadParams):
        smtp.send(LETTER, account(real), policy)

    assert seen.attempts == []


def test_one_who_drips_or_says_nothing_is_cut_at_the_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LONGEST_S", 0.6)
    for speak in (drips(b"220 ", b"x"), is_silent):
        server = serve(speak)
        began = time.monotonic()
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(Unavailable):
            smtp.send(LETTER, MailServer("127.0.0.1", port, "none"), Egress((f"private:smtp://127.0.0.1:{port}",)))
        assert time.monotonic() - began < 5


def test_tls_contexts_are_those_of_the_machine() -> None:
    assert sockets.default_tls().verify_mode is ssl.CERT_REQUIRED
