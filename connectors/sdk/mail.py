"""Mail as connectors and steps see it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where one half of a mailbox is. `security`: tls (from the first byte), starttls (after the greeting) or none."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes along with a letter, or came with one."""

    name: str
    type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent. Addresses are `ada@example.org` or `Ada <ada@example.org>`; `id` is the Message-ID, without <>."""

    sender: str
    to: Sequence[str]
    subject: str
    text: str
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: str = ""
    id: str = ""
    in_reply_to: str = ""
    enclosures: Sequence[Enclosure] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that lies in a folder. `uid` is its number there; `sent_at` what it says of itself, if it can be read."""

    uid: int
    id: str
    sender: str
    to: Sequence[str]
    subject: str
    sent_at: datetime | None
    text: str
    is_read: bool
    enclosures: Sequence[Enclosure] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sought:
    """Which mails of a folder. `after` is the highest uid that is known already; the oldest of the rest come first.

    `enclosures`: with what is attached to them. `keys`: just those that `Mail.keys` named so, whatever else is sought.
    """

    folder: str = "INBOX"
    unread: bool = False
    since: date | None = None
    sender: str = ""
    subject: str = ""
    after: int = 0
    most: int = 20
    enclosures: bool = False
    keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a folder is numbered: numbers hold as long as `validity` stays; the next mail gets `next_uid` or more."""

    validity: int
    next_uid: int


class Mail(Protocol):
    """One mailbox: what comes out of it and what goes out by it."""

    def send(self, letter: Letter) -> Sequence[str]:
        """Hand it to the server, which takes it for all its receivers or for some: gives those it refused.

        Raises BadParams, AuthFailed, Rejected (all refused, or the letter itself), Unavailable (`maybe_done`: the text
        was on its way when the line broke).
        """
        ...

    def keys(self, sought: Sought) -> Sequence[str]:
        """What to call those that are sought, oldest first, without reading them: the newest 5,000, not only `most`.

        A key never names another mail: `VALIDITY-UID`. Raises BadParams (no such folder), AuthFailed, Unavailable.
        """
        ...

    def fetch(self, sought: Sought) -> Sequence[Arrived]:
        """Read them without marking them read; fewer than `most` where they are large (50 MB together).

        Raises BadParams (no such folder), AuthFailed, Unavailable.
        """
        ...

    def standing(self, folder: str) -> Standing:
        """Raises BadParams (no such folder), AuthFailed, Unavailable."""
        ...

    def mark_read(self, folder: str, uids: Sequence[int]) -> None:
        """Raises BadParams, AuthFailed, Unavailable."""
        ...

    def folders(self) -> Sequence[str]:
        """Raises AuthFailed, Unavailable."""
        ...

    def greet(self) -> None:
        """Sign in at the server that sends, and go. Raises AuthFailed, Unavailable, BadParams."""
        ...
