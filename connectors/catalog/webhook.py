"""Webhooks out: a signed message to another system, as the Standard Webhooks specification has it.

Source: https://www.standardwebhooks.com (spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from connectors.sdk import (
    Account,
    Action,
    AuthFailed,
    Connector,
    Credentials,
    Done,
    Effect,
    Field,
    Leaving,
    Model,
    RateLimited,
    Rejected,
    Response,
    StepContext,
    Unavailable,
    hint,
)
from connectors.sdk.addresses import origin

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


class Webhook(Connector):
    """An address of another system that takes signed messages."""

    name = "webhook"
    title = "A webhook of another system"
    about = "Its address takes messages from here; a shared secret proves that they are ours."
    icon = "webhook"

    class Settings(Model):
        address: str = Field(
            min_length=1,
            max_length=2_000,
            title="Address",
            description="Where the messages go. Its host must be on the list that an administrator keeps.",
            json_schema_extra=hint("text", example="https://example.com/hooks/press"),
        )

    class Secrets(Model):
        secret: str = Field(
            min_length=1,
            max_length=200,
            title="Shared secret",
            description="From the other system, beginning with whsec_. Kept sealed and never shown again.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        if not origin(settings.address):
            problems["address"] = "Write the whole address, beginning with https:// and a host."
        if not LEAST_BYTES <= len(_key(secrets.secret)) <= MOST_BYTES:
            problems["secret"] = "It is whsec_ and then 24 to 64 bytes in base64. Copy it again from the other system."
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (origin(settings.address),)

    @classmethod
    def credentials(cls, settings: Settings, secrets: Secrets) -> Credentials:
        def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
            given = {name.lower(): value for name, value in headers.items()}
            return {
                "webhook-signature": signature(secrets.secret, given["webhook-id"], given["webhook-timestamp"], body)
            }

        return Credentials(sign=sign)

    def test(self, account: Account) -> str:
        """A message of a type of its own, which receivers that follow the specification leave alone."""
        response = _sent(account, "msg_test", {"type": "tandem.test", "data": {}})
        _demand(response)
        return f"It took a test message and answered with {response.status}."


class SendWebhook(Action):
    """Send a signed message to a webhook of another system."""

    kind = "webhook.send"
    title = "Send to a webhook"
    reads_as = "Send {type} to {connection}"
    icon = "webhook"
    effect = Effect.KEYED
    timeout_s = 60

    class Params(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Webhook",
            description="Webhooks are connected once, under Connections.",
            json_schema_extra=hint("choice", source="connections:webhook"),
        )
        type: str = Field(
            min_length=1,
            max_length=200,
            pattern=r"^[A-Za-z0-9_.]+$",
            title="Type of the message",
            description="By which the receiver tells messages apart: words with dots between.",
            json_schema_extra=hint("text", example="press.mention_sorted"),
        )
        data: Any = Field(
            default_factory=dict,
            title="What it says",
            description="A value of an earlier step, or JSON written here.",
            json_schema_extra=hint("json", example='{"tone": "{{ steps.tone.label }}"}'),
        )

    class Output(Model):
        id: str = Field(title="Id", description="The same for every try, so that the receiver takes it once.")
        status: int = Field(title="Status", description="With which the other system answered.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        id = message_id(ctx)
        response = _sent(ctx.account(params.connection), id, _payload(params, ctx))
        _demand(response)
        return Done(self.Output(id=id, status=response.status), summary=f"taken with {response.status}")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        said = json.dumps(_payload(params, ctx), ensure_ascii=False)
        answer = self.Output(id=message_id(ctx), status=200)
        return Done(answer, summary=f"Would send to {params.connection}: {said}", rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        body = json.dumps(_value(params.data), ensure_ascii=False, indent=2)
        return Leaving(f"Webhook “{account.title}”", (account.settings.address,), {"Type": params.type}, body)


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64."""
    signed = b".".join([id.encode(), timestamp.encode(), body])
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def message_id(ctx: StepContext) -> str:
    return f"msg_{hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:32]}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _payload(params: SendWebhook.Params, ctx: StepContext) -> dict[str, Any]:
    """The same for every try: the time is that of the step's beginning."""
    return {"type": params.type, "timestamp": ctx.begun_at.isoformat(), "data": _value(params.data)}


def _value(written: Any) -> Any:
    """What is written in a form is JSON text; what comes from an earlier step is already a value."""
    if not isinstance(written, str):
        return written
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _sent(account: Account, id: str, payload: Mapping[str, Any]) -> Response:
    headers = {"webhook-id": id, "webhook-timestamp": str(int(time.time()))}
    return account.http.send("POST", account.settings.address, headers=headers, json=payload)


def _demand(response: Response) -> None:
    """Raises the error that the status means."""
    status = response.status
    if 200 <= status < 300:
        return
    if status == 410:
        raise AuthFailed("The other system says that this webhook is gone (410). Connect another one.")
    if status in (401, 403):
        raise AuthFailed(f"The other system does not accept the signature ({status}). Renew the shared secret.")
    if status == 429:
        raise RateLimited("The other system asks to come back later (429).")
    if status >= 500:
        raise Unavailable(f"The other system answered with {status}: it has a problem of its own.")
    raise Rejected(f"The other system answered with {status}, so it did not take the message.")
