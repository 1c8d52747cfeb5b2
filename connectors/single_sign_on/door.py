"""The few methods of a `requests` session that allauth uses, over the guarded door."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote_plus, urlencode

from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from connectors import net
from connectors.net.egress import Egress
from connectors.net.requests import Request
from connectors.sdk import Response, StepError

TIMEOUT_S = 10.0
_hosts: ContextVar[tuple[str, ...]] = ContextVar("hosts", default=())


@contextmanager
def open_to(hosts: tuple[str, ...]) -> Iterator[None]:
    """What is asked inside may go to these hosts and no other."""
    token = _hosts.set(hosts)
    try:
        yield
    finally:
        _hosts.reset(token)


class Answer:
    """Looks like an answer of `requests`. Whatever is wrong with it is an OAuth2Error, which allauth has a page for."""

    def __init__(self, response: Response) -> None:
        self.status_code, self.content = response.status, response.body
        self.headers = {"content-type": "", **response.headers}

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise OAuth2Error("The answer is no JSON object.")
        return found

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise OAuth2Error(f"It answered with {self.status_code}.")


class Session:
    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays open."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", url, headers=headers)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
    ) -> Answer:
        given = dict(headers or {}) | (_basic(auth) if auth else {})
        body = urlencode(data).encode() if data else None
        if body:
            given["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            asked = Request(method, url, given, params or {}, body, TIMEOUT_S)
            return Answer(net.fetch(asked, policy=Egress(_hosts.get())))
        except StepError as problem:
            raise OAuth2Error(str(problem)) from problem


def _basic(auth: Any) -> dict[str, str]:
    """RFC 6749 §2.3.1: both are written as in a form first."""
    pair = f"{quote_plus(auth.username)}:{quote_plus(auth.password)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
