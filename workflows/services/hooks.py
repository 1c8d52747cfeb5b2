"""Calls from outside: who may call, how often, and what becomes an event. Nothing is read before the proof is good."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from standardwebhooks import Webhook, WebhookVerificationError
from uuid_utils.compat import uuid7

from audit import sql
from connectors import vault
from connectors.sdk.triggers import Event
from workflows.engine import strict
from workflows.models import Trigger
from workflows.services.triggers import settings_of

LARGEST_BODY: Final = 1_000_000
ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,200}")
"""Without a dot, which would be ambiguous in what is signed."""

NEVER_SHOWN = re.compile(r"authorization|cookie|token|secret|signature|hmac|password|api-?key")
"""In the name of a header: what it holds may be a credential."""

MOST_HEADERS, LONGEST_HEADER = 60, 1_000


class NotProven(Exception):
    """The call does not prove that it may start runs."""


class TooOften(Exception):
    """More calls this minute than the trigger takes."""


class Unreadable(Exception):
    """The call is proven, and says nothing that a run could use; the text says why."""


@dataclass(frozen=True, slots=True)
class Call:
    """What came in. Header names in lower case."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]


def event_of(trigger: Trigger, call: Call) -> Event:
    """Raises NotProven, TooOften, Unreadable, in this order of looking."""
    settings = settings_of(trigger)
    check_proof(trigger, settings, call)
    if not has_room(trigger, settings.per_minute):
        raise TooOften
    id = _id(settings, call)
    data = {"body": _body(call), "headers": _shown(settings, call), "query": dict(call.query)}
    try:
        strict.check(data)
    except strict.NotStrict as error:
        raise Unreadable(f"The body cannot be taken: {error}.") from None
    return Event(id or f"call-{uuid7()}", data)


def check_proof(trigger: Trigger, settings: Any, call: Call) -> None:
    """Both secrets count while one is being changed for another. Raises NotProven, or Unreadable for an odd id."""
    if settings.proof == "none":
        return
    held = vault.opened(trigger.secret) if trigger.secret is not None else {}
    known = [held[name] for name in ("secret", "before") if held.get(name)]
    if settings.proof == "standard":
        if "webhook-id" in call.headers and not ID.fullmatch(call.headers["webhook-id"]):
            raise Unreadable("The webhook-id has a form that cannot be signed: up to 200 signs, without a dot.")
        proven = any(_is_standard(secret, call) for secret in known)
    else:
        given = _digest(call.headers.get(settings.header.lower(), ""))
        proven = any(hmac.compare_digest(hmac.digest(each.encode(), call.body, "sha256"), given) for each in known)
    if not proven:
        raise NotProven


def _is_standard(secret: str, call: Call) -> bool:
    """As the specification has it: raw body, constant time, at most five minutes off."""
    try:
        Webhook(secret).verify(call.body, dict(call.headers))
    except (WebhookVerificationError, ValueError, OverflowError, OSError, UnicodeError):
        return False
    return True


def _digest(written: str) -> bytes:
    text = written.strip().removeprefix("sha256=")
    try:
        return bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _id(settings: Any, call: Call) -> str:
    name = "webhook-id" if settings.proof == "standard" else settings.id_header.lower()
    return call.headers.get(name, "")[:200] if name else ""


def _body(call: Call) -> Any:
    """JSON as its value, a form as its fields, anything else as text. Raises Unreadable."""
    kind = call.headers.get("content-type", "").lower()
    if not call.body:
        return None
    if "json" in kind or call.body.lstrip()[:1] in (b"{", b"["):
        try:
            return strict.loads(call.body)
        except strict.NotStrict as error:
            raise Unreadable(f"The body cannot be taken: {error}.") from None
    try:
        text = call.body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("The body is neither JSON nor text in UTF-8.") from None
    return dict(parse_qsl(text, keep_blank_values=True)) if "x-www-form-urlencoded" in kind else text


def _shown(settings: Any, call: Call) -> dict[str, str]:
    proof = settings.header.lower() if settings.proof == "hmac" else ""
    kept = {name: value[:LONGEST_HEADER] for name, value in call.headers.items() if not NEVER_SHOWN.search(name)}
    kept.pop(proof, None)
    return dict(list(kept.items())[:MOST_HEADERS])


def has_room(trigger: Trigger, per_minute: int) -> bool:
    """Counted in the database, so that it holds whoever is asked at the same time (case W12)."""
    return sql.row(_COUNT, [trigger.pk, per_minute]) is not None


_COUNT = """
UPDATE workflows_trigger SET
    minute_calls = CASE WHEN minute_at = date_trunc('minute', clock_timestamp()) THEN minute_calls + 1 ELSE 1 END,
    minute_at = date_trunc('minute', clock_timestamp())
WHERE id = %s AND (minute_at IS DISTINCT FROM date_trunc('minute', clock_timestamp()) OR minute_calls < %s)
RETURNING minute_calls
"""
