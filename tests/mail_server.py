"""A real SMTP server on loopback that keeps what it takes, and refuses or dawdles where a test says so."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pytest_django import Settings

from tests.faults.sink import free_port

ACCEPTED = "250 OK"


@dataclass
class MailServer:
    """`start` and `stop` at will: the address stays. `answers` says what a recipient gets, first answer first."""

    authenticator: Callable[..., AuthResult] | None = None
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    refused_senders: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    """For each mail, whether it came over TLS."""
    slow: dict[str, float] = field(default_factory=dict)
    """Recipient → seconds before it is answered."""
    holds: bool = False
    """Whether mail is kept waiting for its answer, until `stop`."""
    held: threading.Event = field(default_factory=threading.Event)

    def start(self) -> MailServer:
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self.controller = _Controller(self, hostname=self.host, port=self.port, **self._options())
        self.controller.start()
        return self

    def stop(self) -> None:
        self.controller.stop(no_assert=True)

    def use(self, settings: Settings) -> None:
        """Make it the mail server of the test."""
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = self.host, self.port
        settings.DEFAULT_FROM_EMAIL = "Tandem <tandem@house.example>"

    def recipients(self) -> list[str]:
        return [address for addresses, _ in self.taken for address in addresses]

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refused_senders:
            return "550 Not from there"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return ACCEPTED

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: Any) -> str:
        await asyncio.sleep(self.slow.get(address, 0))
        answers = self.answers.get(address, [])
        answer = answers.pop(0) if answers else ACCEPTED
        if answer == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        if self.holds:
            self.held.set()
            await asyncio.sleep(60)
        assert isinstance(envelope.content, bytes)
        self.was_encrypted.append(session.ssl is not None or self.tls is not None)
        self.taken.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=policy.default)))
        return ACCEPTED

    def _options(self) -> dict[str, Any]:
        login = {"authenticator": self.authenticator, "auth_required": True} if self.authenticator else {}
        return {**login, "auth_require_tls": False, "tls_context": self.starttls, "ssl_context": self.tls}


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """A call without a word: the original wants to greet, and trusts no certificate of a test."""
        with socket.create_connection((self.hostname, self.port), 5):
            self._factory_invoked.wait(5)


def only(user: str, password: str) -> Callable[..., AuthResult]:
    """Lets in who signs in so."""

    def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, given: LoginPassword) -> AuthResult:
        is_right = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=is_right, handled=False)

    return authenticate
