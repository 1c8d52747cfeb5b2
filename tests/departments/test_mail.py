"""`send_test_mail` against real servers: what it says when mail goes, and why it does not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from departments import mail
from tests.connectors.net.servers import Authority
from tests.mail_server import MailServer, only

LEA = "lea@house.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the authority, as an operator of a server with its own certificates would have it."""
    (tmp_path / "authority.pem").write_text(authority.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def said(address: str = LEA) -> str:
    out = StringIO()
    call_command("send_test_mail", address, stdout=out)
    return out.getvalue()


def why_not(address: str = LEA) -> str:
    with pytest.raises(CommandError) as refusal:
        call_command("send_test_mail", address)
    return str(refusal.value).replace("The mail server ", "", 1)


def test_mail_that_goes_is_said_with_its_way(server: MailServer) -> None:
    words = said()

    assert f"127.0.0.1:{server.port} took the mail from Tandem <tandem@house.example> to {LEA}." in words
    assert [message["Subject"] for _, message in server.taken] == ["A test mail of Tandem"]


def test_without_a_server_it_says_what_to_set(settings: Settings) -> None:
    settings.EMAIL_BACKEND = mail.OFF

    assert "Set SMTP_URL and MAIL_FROM" in why_not()


def test_what_is_no_address_is_not_tried(server: MailServer) -> None:
    assert why_not("lea") == "“lea” is no e-mail address."


def test_a_server_that_does_not_run_is_named(server: MailServer) -> None:
    server.stop()

    assert why_not() == (
        f"127.0.0.1:{server.port} cannot be reached: Connection refused. Look at SMTP_URL, and whether the server runs."
    )
    server.start()


def test_a_host_that_nobody_knows_is_named(server: MailServer, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.invalid"

    assert why_not().startswith(f"mail.invalid:{server.port} cannot be reached: ")


def test_a_server_that_says_nothing_is_given_up(server: MailServer, settings: Settings, silent: int) -> None:
    settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent, 0.3

    assert why_not() == f"127.0.0.1:{silent} did not answer within 0.3 s."


def test_a_refused_recipient_and_a_refused_sender_are_told_apart(server: MailServer, settings: Settings) -> None:
    server.answers[LEA] = ["550 No such user"]

    assert why_not() == f"127.0.0.1:{server.port} refuses mail to {LEA}: 550 No such user."
    server.refused_senders.append("tandem@house.example")
    assert why_not() == (
        f"127.0.0.1:{server.port} refuses mail from Tandem <tandem@house.example>: 550 Not from there. "
        "Look at MAIL_FROM."
    )


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_login_is_used_and_its_refusal_said_without_the_password(settings: Settings, password: str) -> None:
    server = MailServer(authenticator=only("tandem", "right")).start()
    server.use(settings)
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "tandem", password

    words = said() if password == "right" else why_not()
    server.stop()

    if password == "right":
        assert len(server.taken) == 1
    else:
        assert "refuses the user name or the password: 535 5.7.8 Authentication credentials invalid." in words
        assert "wrong" not in words


@pytest.mark.parametrize("scheme", ["EMAIL_USE_TLS", "EMAIL_USE_SSL"])
def test_tls_that_can_be_trusted_is_used(settings: Settings, authority: Authority, trusted: None, scheme: str) -> None:
    server = tls_server(scheme, authority.server("localhost"))
    server.use(settings)
    setattr(settings, scheme, True)

    said()
    server.stop()

    assert server.was_encrypted == [True]


@pytest.mark.parametrize("scheme", ["EMAIL_USE_TLS", "EMAIL_USE_SSL"])
def test_a_certificate_of_a_stranger_or_of_another_host_is_refused(
    settings: Settings, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    server = tls_server(scheme, authority.server("other.example"))
    server.use(settings)
    setattr(settings, scheme, True)

    stranger = why_not()
    (tmp_path / "authority.pem").write_text(authority.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    other_host = why_not()
    server.stop()

    assert "shows a certificate that cannot be trusted: unable to get local issuer certificate." in stranger
    assert "cannot be trusted: Hostname mismatch, certificate is not valid for 'localhost'." in other_host
    assert server.taken == []


def test_the_wrong_way_of_tls_is_said(server: MailServer, settings: Settings) -> None:
    settings.EMAIL_USE_TLS = True
    without = why_not()
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, True
    at_once = why_not()

    assert "does not offer what SMTP_URL asks for: STARTTLS extension not supported by server." in without
    assert "does not speak TLS as SMTP_URL says" in at_once


def tls_server(scheme: str, context: ssl.SSLContext) -> MailServer:
    way = "starttls" if scheme == "EMAIL_USE_TLS" else "tls"
    return MailServer(host="localhost", **{way: context}).start()
