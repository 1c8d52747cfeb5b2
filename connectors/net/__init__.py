"""The one outgoing HTTP door (rules S1 to S7). Nothing else in the house opens a connection to other systems.

A department reaches the hosts that an administrator has listed, on public addresses only, with caps on time and size.
`addresses`, `urls`, `egress`, `requests` and `bodies` are pure; `sockets` and `exchange` touch the network.
"""

from __future__ import annotations

import json as jsons
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import transaction

from connectors.net import exchange, sockets, urls
from connectors.net.egress import Egress
from connectors.net.requests import LONGEST_WAIT_S, Request
from connectors.net.sockets import Resolve
from connectors.sdk import BadParams, Credentials, Response

__all__ = ["Bound", "Door", "Egress", "Request", "fetch", "for_department"]

FORBID_IN_TRANSACTION = True
"""Rule D14. Tests of other parts switch it off, because there the test itself is a transaction."""


def demand_no_transaction() -> None:
    """Raises RuntimeError inside one: whoever waits for a stranger must hold no lock meanwhile."""
    if FORBID_IN_TRANSACTION and transaction.get_connection().in_atomic_block:
        raise RuntimeError("network call inside a transaction")


def for_department(hosts: Sequence[str]) -> Egress:
    """Where a department with these `egress_hosts` may go: there, and where every department may go."""
    return Egress((*map(str, hosts), *settings.EGRESS_HOSTS))


def fetch(
    request: Request,
    *,
    policy: Egress,
    resolve: Resolve = sockets.system_resolver,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """One exchange, at most 30 s and 10 MB in all.

    Any status comes back; header names are lower-case, `data` is the body's JSON, `url` where the answer came from.
    Raises BadParams (not allowed, or cannot be sent), Unavailable (no usable answer in time), Rejected (an answer too
    large, packed too tightly, or sending us on too often). RuntimeError inside a database transaction.
    """
    demand_no_transaction()
    deadline = sockets.Deadline.after(min(request.timeout_s, LONGEST_WAIT_S))
    return exchange.follow(request, exchange.Route(policy, resolve, tls, deadline))


@dataclass(frozen=True, slots=True)
class Bound:
    """Credentials with the origins that may see them (rule S7)."""

    origins: tuple[str, ...]
    credentials: Credentials = field(repr=False)

    def signed_in(self, request: Request) -> Request:
        """Those of the connection win over what a step has written under the same name. Raises BadParams."""
        ours = self.credentials
        url = request.url or ours.address
        self._require(url)
        headers = _over(request.headers, ours.headers)
        if ours.sign is not None:
            headers = _over(headers, ours.sign(request.method, url, headers, request.body or b""))
        return replace(request, url=url, headers=headers, query={**request.query, **ours.query})

    def _require(self, url: str) -> None:
        """What is no address at all is refused later."""
        try:
            origin = urls.parse(url).origin
        except urls.BadUrl:
            return
        if origin not in self.origins:
            ours = ", ".join(self.origins)
            problem = f"The connection belongs to {ours}; its credentials are not sent to {origin}."
            raise BadParams(problem, fields={"url": problem})


@dataclass(frozen=True, slots=True)
class Door:
    """`connectors.sdk.Http` for one department: what a step gets as `ctx.http`. A GET follows up to 3 redirects.

    With `bound` every request is signed in, and goes to those origins alone; a redirect to another one goes without.
    """

    policy: Egress
    bound: Bound | None = None

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        timeout_s: float = LONGEST_WAIT_S,
    ) -> Response:
        given = dict(headers or {})
        if json is not None:
            body = _as_json(json)
            given = {"Content-Type": "application/json", **given}
        request = Request(method, url, given, query or {}, body, timeout_s, redirects=3)
        return fetch(self.bound.signed_in(request) if self.bound else request, policy=self.policy)


def _over(given: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in ours}
    return {**{name: value for name, value in given.items() if name.lower() not in names}, **ours}


def _as_json(value: Any) -> bytes:
    try:
        return jsons.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError):
        problem = "It holds a value that JSON does not know, such as a number that is not finite."
        raise BadParams("The body cannot be sent as JSON.", fields={"json": problem}) from None
