"""Which values of an operation say where something goes, or to whom: no AI may choose them (rule L11). Pure.

The description does not say it, so it is told by what a value is called, and by its place: what a writing operation has
in its address names what is changed. Too many rather than too few: a person who approves the very message may let it
go anywhere.
"""

from __future__ import annotations

from connectors.manifests.manifest import Asked, Level, Operation
from connectors.manifests.wording import words

RECEIVERS = frozenset(
    {"to", "cc", "bcc", "recipient", "recipients", "receiver", "receivers", "email", "emails", "mail", "attendee"}
    | {"attendees", "channel", "channels", "phone", "assignee", "member", "members", "invitee", "invitees", "roles"}
    | {"signer", "signers", "owner", "share", "permissions", "audience", "topic"}
)
ADDRESSES = frozenset(
    {"url", "uri", "urls", "host", "hostname", "webhook", "callback", "domain", "endpoint", "redirect"}
)


def destinations(operation: Operation) -> frozenset[str]:
    """Names of the fields."""
    writes = operation.level is not Level.READ
    return frozenset(each.field for each in operation.asked if _is_one(each, writes))


def _is_one(asked: Asked, writes: bool) -> bool:
    said = set(words(asked.name))
    if said & ADDRESSES:
        return True
    if not writes:
        return False
    if asked.place in ("path", "header") or said & RECEIVERS:
        return True
    return any(_is_one(part, writes) for part in asked.parts)
