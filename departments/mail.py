"""The line to the operator's mail server, and in plain words why something did not go.

Django's backend speaks SMTP; smtplib stands here for the names of its errors alone (docs/decisions/0017).
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

OFF: Final = "django.core.mail.backends.dummy.EmailBackend"
NO_SERVER: Final = "Not sent: no mail server is set up. Set SMTP_URL and MAIL_FROM (docs/operating.md, Mail)."


@dataclass
class NotSent(Exception):
    """Why a mail did not go: a sentence for people.

    `is_final`: trying again would change nothing. `is_of_server`: no other mail would go at the moment either.
    """

    sentence: str
    is_final: bool = False
    is_of_server: bool = False

    def __str__(self) -> str:
        return self.sentence


def is_set_up() -> bool:
    return settings.EMAIL_BACKEND != OFF


def server() -> str:
    """How messages name it."""
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"


class Line:
    """One connection for several mails, opened for the first of them and anew after one that did not go."""

    def __init__(self) -> None:
        self.backend = get_connection()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def send(self, message: EmailMessage) -> None:
        """Returns when the server has taken it. Raises NotSent; never call it inside a transaction."""
        self._open()
        try:
            self.backend.send_messages([message])
        except (OSError, ValueError) as error:
            self._close()
            raise _refused(error, message) from error

    def _open(self) -> None:
        try:
            self.backend.open()
        except (OSError, ValueError) as error:
            self._close()
            raise NotSent(_why_no_line(error), is_of_server=True) from error

    def _close(self) -> None:
        # What was taken on was taken on, whatever the server says to the goodbye.
        with suppress(OSError):
            self.backend.close()


def _refused(error: OSError | ValueError, message: EmailMessage) -> NotSent:
    """What became of one mail on a line that stands. smtplib's errors are OSErrors."""
    to = ", ".join(message.recipients())
    if isinstance(error, ValueError):
        return NotSent(f"The mail to {to} cannot be written: {_one_line(error)}.", is_final=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return NotSent(f"{_server()} refuses mail to {to}: {_answer(code, words)}", is_final=_is_final(code))
    if isinstance(error, smtplib.SMTPSenderRefused):
        return NotSent(f"{_server()} refuses mail from {message.from_email}: {_said(error)} Look at MAIL_FROM.")
    if isinstance(error, smtplib.SMTPDataError):
        return NotSent(
            f"{_server()} did not take the mail to {to}: {_said(error)}", is_final=_is_final(error.smtp_code)
        )
    return NotSent(_why_no_line(error))


def _why_no_line(error: OSError | ValueError) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{_server()} refuses the user name or the password: {_said(error)} Look at SMTP_URL."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{_server()} does not offer what SMTP_URL asks for: {_one_line(error)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{_server()} turns us away: {_said(error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{_server()} shows a certificate that cannot be trusted: {error.verify_message.rstrip('.')}."
    if isinstance(error, ssl.SSLError):
        return (
            f"{_server()} does not speak TLS as SMTP_URL says. smtps:// goes with port 465, smtp+starttls:// with 587."
        )
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"{_server()} did not answer within {settings.EMAIL_TIMEOUT} s."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"{_server()} hung up."
    reason = getattr(error, "strerror", None) or _one_line(error)
    return f"{_server()} cannot be reached: {reason}. Look at SMTP_URL, and whether the server runs."


def _server() -> str:
    return f"The mail server {server()}"


def _is_final(code: int) -> bool:
    """RFC 5321 §4.2.1: 5yz means that the same request must not be repeated."""
    return 500 <= code < 600


def _said(error: smtplib.SMTPResponseException) -> str:
    return _answer(error.smtp_code, error.smtp_error)


def _answer(code: int, words: bytes | str) -> str:
    """What the server said, cut short and ended like a sentence."""
    text = _one_line(words.decode("utf-8", "replace") if isinstance(words, bytes) else words)
    return f"{code} {text[:200]}".rstrip(" .") + "."


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
