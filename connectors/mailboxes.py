"""A mailbox as a step sees it: letters out by SMTP, mails in by IMAP, read behind the walls where documents are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.documents.reading import read_document
from connectors.net import imap, smtp
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, StepError
from connectors.sdk.mail import Arrived, Letter, MailServer, Sought


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`connectors.sdk.mail.Mail`. `servers` has “smtp” and, where mail is read too, “imap”."""

    servers: Mapping[str, MailServer]
    policy: Egress

    def send(self, letter: Letter) -> Sequence[str]:
        return smtp.send(letter, self._server("smtp"), self.policy)

    def greet(self) -> None:
        smtp.greet(self._server("smtp"), self.policy)

    def fetch(self, sought: Sought) -> Sequence[Arrived]:
        return [arrived(raw) for raw in imap.fetch(sought, self._server("imap"), self.policy)]

    def mark_read(self, folder: str, uids: Sequence[int]) -> None:
        imap.mark_read(folder, uids, self._server("imap"), self.policy)

    def folders(self) -> Sequence[str]:
        return imap.folders(self._server("imap"), self.policy)

    def _server(self, kind: str) -> MailServer:
        if kind not in self.servers:
            does = "read" if kind == "imap" else "send"
            raise AuthFailed(f"This mailbox is not set up to {does} mail. Complete it under Connections.")
        return self.servers[kind]


def arrived(raw: imap.Raw) -> Arrived:
    """What is in it; one that cannot be read is there all the same, with its problem, and stops no other."""
    headers, text, problems = _read(raw)
    to = tuple(each.strip() for each in headers.get("To", "").split(",") if each.strip())
    return Arrived(
        uid=raw.uid,
        id=raw.id,
        sender=headers.get("From", ""),
        to=to,
        subject=headers.get("Subject", ""),
        sent_at=raw.sent_at,
        text=text,
        is_read=raw.is_read,
        problems=tuple(problems),
    )


def _read(raw: imap.Raw) -> tuple[Mapping[str, str], str, Sequence[str]]:
    """Headers, text, problems."""
    if raw.content is None:
        return {}, "", [f"It is too large to be read here ({raw.size:,} bytes)."]
    try:
        found = read_document(raw.content, "mail.eml")
    except StepError as error:
        return {}, "", [error.message]
    told = next((passage.text for passage in found.passages if passage.place == "headers"), "")
    headers = dict(line.split(": ", 1) for line in told.split("\n") if ": " in line)
    text = "\n\n".join(passage.text for passage in found.passages if passage.place != "headers")
    return headers, text, found.problems
