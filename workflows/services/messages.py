"""A delivery as it travels: the body, and the headers of Standard Webhooks that prove whose it is.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from standardwebhooks import Webhook

from connectors import vault
from workflows.models import Delivery, Subscription

BOTH_COUNT: Final = timedelta(days=1)
"""So long after a renewal each message is signed with the secret before it as well."""


def body_of(delivery: Delivery) -> bytes:
    """`{"type", "timestamp", "data"}`, the same bytes in each try."""
    at = delivery.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"type": delivery.type, "timestamp": at, "data": {**delivery.data, **_links(delivery)}}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(delivery: Delivery, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """`now` is that of the try, which a receiver compares with its own clock."""
    id, text = str(delivery.pk), body.decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(id, now, text) for secret in secrets),
    }


def secrets_of(subscription: Subscription, now: datetime) -> list[str]:
    """Those with which to sign now, the newest first. Raises vault.CannotOpen."""
    held = vault.opened(subscription.secret)
    renewed = subscription.renewed_at
    both = renewed is not None and now < renewed + BOTH_COUNT
    return [held[name] for name in ("secret", *(["before"] if both else [])) if held.get(name)]


def _links(delivery: Delivery) -> dict[str, Any]:
    """Where people look at it, and where programs read it."""
    kind = delivery.type.partition(".")[0]
    if kind not in ("run", "task"):
        return {}
    args = [delivery.data["id"]]
    address = settings.PUBLIC_URL
    return {"url": address + reverse(kind, args=args), "api_url": address + reverse(f"api_{kind}", args=args)}
