"""Mail in, over IMAP (RFC 9051): read without being marked, in the order of its coming."""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imapclient import IMAPClient, exceptions

from connectors.net import lines, reach, sockets
from connectors.net.egress import Egress
from connectors.net.sockets import Deadline
from connectors.sdk import AuthFailed, BadParams, Unavailable
from connectors.sdk.mail import MailServer, Sought, Standing

LONGEST_S = 120.0
LARGEST_BYTES = 25 * 1024 * 1024
MOST_BYTES = 50 * 1024 * 1024
"""Of all mails together; the rest is for the next time."""
MOST_KEYS = 5_000
_WHOLE, _SIZE = b"BODY[]", b"RFC822.SIZE"


@dataclass(frozen=True, slots=True)
class Raw:
    """A mail as it lies there. `content` is None where it is too large to take, `size` bytes."""

    uid: int
    id: str
    sent_at: datetime | None
    is_read: bool
    size: int
    content: bytes | None = field(repr=False)


def keys(sought: Sought, server: MailServer, policy: Egress) -> list[str]:
    with _signed_in(server, policy) as client:
        validity = _validity(_open(client, sought.folder, readonly=True))
        return [f"{validity}-{uid}" for uid in _uids(client, sought)[-MOST_KEYS:]]


def fetch(sought: Sought, server: MailServer, policy: Egress) -> list[Raw]:
    """The oldest of those that are sought. Raises BadParams (no such folder), AuthFailed, Unavailable."""
    with _signed_in(server, policy) as client:
        validity = _validity(_open(client, sought.folder, readonly=True))
        uids = _called(sought.keys, validity) if sought.keys else _uids(client, sought)
        mails = (_raw(client, uid) for uid in uids[: sought.most])
        return list(_within(MOST_BYTES, filter(None, mails)))


def standing(folder: str, server: MailServer, policy: Egress) -> Standing:
    with _signed_in(server, policy) as client:
        said = _open(client, folder, readonly=True)
        # Old servers need not say it.
        next_uid = int(said.get(b"UIDNEXT") or max(client.search("ALL"), default=0) + 1)
        return Standing(_validity(said), next_uid)


def mark_read(folder: str, uids: Sequence[int], server: MailServer, policy: Egress) -> None:
    with _signed_in(server, policy) as client:
        _open(client, folder, readonly=False)
        if uids:
            client.add_flags(list(uids), [b"\\Seen"], silent=True)


def folders(server: MailServer, policy: Egress) -> list[str]:
    with _signed_in(server, policy) as client:
        return [str(name) for flags, _, name in client.list_folders() if b"\\Noselect" not in flags]


def _validity(said: dict[bytes, Any]) -> int:
    """For how long its numbers hold: a server that numbers its mails anew has another one."""
    return int(said.get(b"UIDVALIDITY") or 0)


def _uids(client: IMAPClient, sought: Sought) -> list[int]:
    return [uid for uid in sorted(client.search(_criteria(sought), "UTF-8")) if uid > sought.after]


def _called(keys: Sequence[str], validity: int) -> list[int]:
    """None of those that the server has numbered anew since."""
    named = (key.partition("-") for key in keys)
    return [int(uid) for given, _, uid in named if given == str(validity)]


def _criteria(sought: Sought) -> list[Any]:
    found: list[Any] = ["UNSEEN"] if sought.unread else ["ALL"]
    if sought.since is not None:
        found += ["SINCE", sought.since]
    if sought.sender:
        found += ["FROM", sought.sender]
    if sought.subject:
        found += ["SUBJECT", sought.subject]
    # “after:*” always names the last one too; the caller leaves out what it knows.
    return [*found, "UID", f"{sought.after + 1}:*"] if sought.after else found


def _within(most: int, mails: Iterator[Raw]) -> Iterator[Raw]:
    """At least one, and none any more when there are so many bytes."""
    taken = 0
    for mail in mails:
        yield mail
        taken += len(mail.content or b"")
        if taken >= most:
            return


def _raw(client: IMAPClient, uid: int) -> Raw | None:
    """None for one that is gone meanwhile."""
    about = client.fetch([uid], ["FLAGS", "ENVELOPE", "RFC822.SIZE"]).get(uid)
    if about is None:
        return None
    size = int(about.get(_SIZE, 0))
    content = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(_WHOLE) if size <= LARGEST_BYTES else None
    envelope = about.get(b"ENVELOPE")
    message_id = (getattr(envelope, "message_id", None) or b"").decode("utf-8", "replace").strip("<> \r\n")
    sent_at = getattr(envelope, "date", None)
    return Raw(uid, message_id[:500], sent_at, b"\\Seen" in about.get(b"FLAGS", ()), size, content)


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Imap4(imaplib.IMAP4):
    """The library's line, judged and made elsewhere."""

    def __init__(self, connected: socket.socket, host: str, port: int) -> None:
        self._connected = connected
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._connected


class _Client(IMAPClient):
    def __init__(self, connected: socket.socket, server: MailServer) -> None:
        self._connected = connected
        super().__init__(server.host, server.port, use_uid=True, ssl=False, timeout=LONGEST_S)

    def _create_IMAP4(self) -> imaplib.IMAP4:
        return _Imap4(self._connected, self.host, self.port)


@contextmanager
def _signed_in(server: MailServer, policy: Egress) -> Iterator[IMAPClient]:
    deadline = Deadline.after(LONGEST_S)
    with (
        lines.line("imap", server.host, server.port, policy=policy, deadline=deadline) as raw,
        _said_by(server),
    ):
        connected = lines.secured(raw, server.host, deadline) if server.security == "tls" else raw
        client = _Client(connected, server)
        if server.security == "starttls":
            client.starttls(sockets.default_tls())
        client.login(server.user, server.password)
        yield client
        with suppress(exceptions.IMAPClientError, imaplib.IMAP4.error, OSError):
            client.logout()


@contextmanager
def _said_by(server: MailServer) -> Iterator[None]:
    place = lines.place("imap", server.host, server.port)
    try:
        yield
    except exceptions.LoginError:
        raise AuthFailed(f'"{server.host}" does not accept the user name and password. Renew the connection.') from None
    except (exceptions.CapabilityError, exceptions.IMAPClientAbortError) as error:
        raise reach.no_answer(place, OSError(type(error).__name__), maybe_done=False) from None
    except imaplib.IMAP4.error as error:
        raise Unavailable(f'"{server.host}" refused: {" ".join(str(error).split())[:300]}') from None
    except (ssl.SSLError, OSError, ValueError) as error:
        raise reach.no_answer(place, OSError(type(error).__name__), maybe_done=False) from None


def _open(client: IMAPClient, folder: str, *, readonly: bool) -> dict[bytes, Any]:
    """Gives what the server says of it."""
    try:
        said: dict[bytes, Any] = client.select_folder(folder, readonly=readonly)
        return said
    except exceptions.IMAPClientAbortError:
        raise
    except imaplib.IMAP4.error:
        problem = f"There is no folder “{folder}” in this mailbox."
        raise BadParams(problem, fields={"folder": problem}) from None
