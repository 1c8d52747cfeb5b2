"""What lies at a web address, fetched for a step that reads it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from connectors.sdk.actions import Field, hint
from connectors.sdk.addresses import bare, below
from connectors.sdk.answers import Advice, demand
from connectors.sdk.connector import Account
from connectors.sdk.context import Http, Response
from connectors.sdk.errors import Rejected

ADVICE = Advice(
    renew="Choose a connection that may read it, or renew that one.",
    moved="Write the final address into the step.",
)
NOT_ACCEPTED = (401, 403, 429)


class Asker(Protocol):
    """A step, or a look."""

    @property
    def now(self) -> datetime: ...
    @property
    def http(self) -> Http: ...
    def account(self, connection: str) -> Account: ...


def connection_field(what: str) -> Any:
    """The parameter `connection` of a step that reads what is mostly open to everybody."""
    return Field(
        default="",
        max_length=60,
        title="Connection",
        description=f"Only for a {what} that asks who you are. Connections are made once, under Connections.",
        json_schema_extra=hint("choice", source="connections:http", nothing="None: without signing in", advanced=True),
    )


def got(ctx: Asker, connection: str, address: str, accept: str) -> Response:
    """Asked for as a connection, where one is named. Raises what its status means."""
    account = ctx.account(connection) if connection else None
    whole = below(account.settings.address, address) if account else address
    response = (account.http if account else ctx.http).send("GET", whole, headers={"Accept": accept})
    said = f"{bare(response.url)} was answered with {response.status}"
    # What such an answer says is a page for people, nothing to quote.
    if 400 <= response.status < 500 and response.status not in NOT_ACCEPTED:
        raise Rejected(f"{said}: nothing lies there that can be read. Open the address in a browser and correct it.")
    demand(response, said, ADVICE, ctx.now)
    return response
