"""Letters out, over SMTP (RFC 5321, RFC 6409)."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from django.utils import timezone

from connectors.net import lines, reach, sockets
from connectors.net.egress import Egress
from connectors.net.sockets import Deadline
from connectors.sdk import AuthFailed, BadParams, Rejected, StepError, Unavailable
from connectors.sdk.mail import Letter, MailServer

LONGEST_S = 60.0
_REGISTRY = HeaderRegistry()


def send(letter: Letter, server: MailServer, policy: Egress) -> list[str]:
    """Gives the receivers that the server refused. Raises what `connectors.sdk.mail.Mail.send` names."""
    message = _message(letter)
    receivers = _bare([*letter.to, *letter.cc, *letter.bcc])
    with _signed_in(server, policy) as smtp, _said_by(server):
        _demand(smtp.mail(_bare([letter.sender])[0]), "The sender was refused")
        refused = [receiver for receiver in receivers if not _is_taken(smtp.rcpt(receiver))]
        if len(refused) == len(receivers):
            raise Rejected(f"The mail server refused every receiver: {', '.join(refused)}. Check the addresses.")
        with _on_its_way(server):
            answer = smtp.data(message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
        _demand(answer, "The mail server did not take the mail")
    return refused


def greet(server: MailServer, policy: Egress) -> None:
    """Sign in and go. Raises AuthFailed, Unavailable, BadParams."""
    with _signed_in(server, policy):
        pass


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Smtp(smtplib.SMTP):
    """The library's client on a connection that was judged and made elsewhere."""

    def __init__(self, connected: socket.socket, server: MailServer) -> None:
        self._connected = connected
        super().__init__(server.host, server.port, local_hostname="tandem.invalid", timeout=LONGEST_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected


@contextmanager
def _signed_in(server: MailServer, policy: Egress) -> Iterator[smtplib.SMTP]:
    deadline = Deadline.after(LONGEST_S)
    with (
        lines.line("smtp", server.host, server.port, policy=policy, deadline=deadline) as raw,
        _said_by(server),
    ):
        connected = lines.secured(raw, server.host, deadline) if server.security == "tls" else raw
        smtp = _Smtp(connected, server)
        if server.security == "starttls":
            smtp.starttls(context=sockets.default_tls())
        smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()


@contextmanager
def _said_by(server: MailServer) -> Iterator[None]:
    """The library's errors as ours; what the server says is quoted where it refuses, and never where it cannot."""
    place = lines.place("smtp", server.host, server.port)
    try:
        yield
    except smtplib.SMTPAuthenticationError:
        raise AuthFailed(f'"{server.host}" does not accept the user name and password. Renew the connection.') from None
    except smtplib.SMTPNotSupportedError:
        raise AuthFailed(
            f'"{server.host}" does not offer what the connection asks for: check security, user name and password.'
        ) from None
    except smtplib.SMTPResponseException as error:
        _demand((error.smtp_code, error.smtp_error), "The mail server refused")
        raise Unavailable(f'"{server.host}" answered with {error.smtp_code}.') from None
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise reach.no_answer(place, OSError(type(error).__name__), maybe_done=False) from None


@contextmanager
def _on_its_way(server: MailServer) -> Iterator[None]:
    """From here on a line that breaks says nothing about what the server has taken."""
    try:
        yield
    except (smtplib.SMTPServerDisconnected, OSError):
        raise Unavailable(
            f'"{server.host}" broke off before it said whether it has taken the mail.', maybe_done=True
        ) from None


def _is_taken(answer: tuple[int, bytes]) -> bool:
    """Raises Unavailable for a refusal that may be another one later."""
    code, _ = answer
    if 400 <= code < 500:
        _demand(answer, "The mail server does not take it now")
    return code in (250, 251)


def _demand(answer: tuple[int, bytes | str], what: str) -> None:
    """Raises Unavailable for 4xx, Rejected for 5xx. Source: RFC 5321 §4.2.1."""
    code, said = answer
    if code < 400:
        return
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    words = " ".join(text.split())[:300]
    sentence = f"{what}: {code} {words}"
    error: type[StepError] = Unavailable if code < 500 else Rejected
    raise error(sentence)


# ── the letter ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _message(letter: Letter) -> EmailMessage:
    """Raises BadParams for what cannot stand in a header."""
    message = EmailMessage()
    try:
        message["From"] = _addresses([letter.sender])
        message["To"] = _addresses(letter.to)
        if letter.cc:
            message["Cc"] = _addresses(letter.cc)
        if letter.reply_to:
            message["Reply-To"] = _addresses([letter.reply_to])
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(timezone.now())
        for name, value in (("Message-ID", letter.id), ("In-Reply-To", letter.in_reply_to)):
            if value:
                message[name] = f"<{value}>"
    except (HeaderParseError, MessageError, ValueError, IndexError) as error:
        raise BadParams(f"The mail cannot be written: {error}") from None
    message.set_content(letter.text, cte="quoted-printable")
    for enclosure in letter.enclosures:
        kind, _, subtype = (enclosure.type or "application/octet-stream").partition("/")
        if kind in ("text", "message", "multipart") or not subtype:
            kind, subtype = "application", "octet-stream"
        message.add_attachment(enclosure.content, maintype=kind, subtype=subtype, filename=enclosure.name)
    return message


def _addresses(written: Iterable[str]) -> tuple[Address, ...]:
    return tuple(map(_address, written))


def _bare(written: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_address(each).addr_spec for each in written))


def _address(written: str) -> Address:
    """`Ada <ada@köln.example>` with its host as it travels: `xn--kln-sna.example`. Raises BadParams."""
    header: Any = _REGISTRY("to", " ".join(written.split()))
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise BadParams(f"“{written[:200]}” is not one address, such as ada@example.org.", fields={"to": "No address."})
    (found,) = header.addresses
    if not found.username.isascii():
        raise BadParams(f"“{written[:200]}” has letters before the @ that mail servers do not take.")
    host = lines.place("smtp", found.domain, 25).host
    return Address(found.display_name, found.username, host)
