"""A mailbox as a step sees it: letters out by SMTP, mails in by IMAP, read behind the walls where documents are."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from connectors.documents.found import Limits, Mail
from connectors.documents.reading import read_as
from connectors.net import imap, smtp
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, StepError
from connectors.sdk.mail import Arrived, Enclosure, Letter, MailServer, Sought, Standing

_MAIL = TypeAdapter(Mail)
_LIMITS = Limits(answer=40 * 1024 * 1024)
"""Room for what is attached, in base64."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`connectors.sdk.mail.Mail`. `servers` has “smtp” where mail is sent, and “imap” where it is read."""

    servers: Mapping[str, MailServer]
    policy: Egress

    def send(self, letter: Letter) -> Sequence[str]:
        return smtp.send(letter, self._server("smtp"), self.policy)

    def greet(self) -> None:
        smtp.greet(self._server("smtp"), self.policy)

    def keys(self, sought: Sought) -> Sequence[str]:
        return imap.keys(sought, self._server("imap"), self.policy)

    def fetch(self, sought: Sought) -> Sequence[Arrived]:
        found = imap.fetch(sought, self._server("imap"), self.policy)
        return [arrived(raw, enclosures=sought.enclosures) for raw in found]

    def standing(self, folder: str) -> Standing:
        return imap.standing(folder, self._server("imap"), self.policy)

    def mark_read(self, folder: str, uids: Sequence[int]) -> None:
        imap.mark_read(folder, uids, self._server("imap"), self.policy)

    def folders(self) -> Sequence[str]:
        return imap.folders(self._server("imap"), self.policy)

    def _server(self, kind: str) -> MailServer:
        if kind not in self.servers:
            does = "read" if kind == "imap" else "send"
            raise AuthFailed(f"This mailbox is not set up to {does} mail. Complete it under Connections.")
        return self.servers[kind]


def arrived(raw: imap.Raw, *, enclosures: bool = False) -> Arrived:
    """What is in it; one that cannot be read is there all the same, with its problem, and stops no other."""
    mail = _read(raw, "kept" if enclosures else "")
    return Arrived(
        uid=raw.uid,
        id=raw.id,
        sender=mail.sender,
        to=tuple(mail.to),
        subject=mail.subject,
        sent_at=raw.sent_at,
        text=mail.text,
        is_read=raw.is_read,
        enclosures=tuple(Enclosure(file.name, file.type, base64.b64decode(file.content)) for file in mail.files),
        problems=tuple(mail.problems),
    )


def _read(raw: imap.Raw, files: str) -> Mail:
    if raw.content is None:
        return _nothing(f"It is too large to be read here ({raw.size:,} bytes).")
    try:
        return read_as(_MAIL, raw.content, "mail", parser="mail", about={"files": files}, limits=_LIMITS)
    except StepError as error:
        return _nothing(error.message)


def _nothing(problem: str) -> Mail:
    return Mail("", [], "", "", [problem])
