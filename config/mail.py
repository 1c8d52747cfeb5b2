"""SMTP_URL and MAIL_FROM → Django's settings for the server's own mail. Without SMTP_URL mail is off."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from config.env import BadSetting, Env

ANSWERS_WITHIN_S: Final = 10
USUAL_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
SHAPE: Final = (
    "write smtp+starttls://user:password@host:587 (or smtps://…, or smtp://… without TLS); in the password, "
    "characters like / @ : # are written as %2F %40 %3A %23."
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `scheme` is one of USUAL_PORTS; no `host` means that mail is off."""

    scheme: str = "smtp"
    host: str = ""
    port: int = USUAL_PORTS["smtp"]
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = "Tandem <tandem@localhost>"

    @property
    def backend(self) -> str:
        return f"django.core.mail.backends.{'smtp' if self.host else 'dummy'}.EmailBackend"


def server_for(env: Env) -> MailServer:
    """Raises BadSetting, which never repeats the address: a password stands in it."""
    if not env.smtp_url:
        return MailServer()
    parts = _parts(env.smtp_url)
    return MailServer(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or USUAL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=_sender(env.mail_from),
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname and (parts.port or parts.port is None))
    except ValueError:
        raise BadSetting(f"SMTP_URL cannot be read; {SHAPE}") from None
    if parts.scheme not in USUAL_PORTS:
        raise BadSetting(f"SMTP_URL begins with {parts.scheme!r}; {SHAPE}")
    if not is_whole or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadSetting(f"SMTP_URL cannot be read; {SHAPE}")
    if bool(parts.username) != bool(parts.password):
        raise BadSetting(f"SMTP_URL names a user or a password, but not both; {SHAPE}")
    return parts


def _sender(text: str) -> str:
    if not text:
        raise BadSetting(
            "SMTP_URL is set and MAIL_FROM is not. Set it to the address that mail comes from, "
            "like Tandem <tandem@example.org>."
        )
    if text.isprintable() and re.fullmatch(r"[^\s@]+@[^\s@]+", parseaddr(text)[1]):
        return text
    raise BadSetting(
        f"MAIL_FROM is {text!r}; it must be an address like tandem@example.org or Tandem <tandem@example.org>."
    )
