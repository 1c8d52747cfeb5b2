"""Requests over the wire: where to is decided anew at every hop, before anything is connected."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpcore2

from connectors.net import bodies, reach, requests, sockets, urls
from connectors.net.egress import Egress
from connectors.net.requests import Request
from connectors.net.sockets import Deadline, Resolve
from connectors.net.urls import BadUrl, Url
from connectors.sdk import BadParams, Rejected, Response

logger = logging.getLogger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Route:
    """What stays the same over all hops of one fetch."""

    policy: Egress
    resolve: Resolve
    tls: ssl.SSLContext | None
    deadline: Deadline


class Http1(httpcore2.HTTP11Connection):
    """The library's connection with our cap on headers."""

    READ_NUM_BYTES = 16_384
    MAX_INCOMPLETE_EVENT_SIZE = bodies.MOST_HEADER_BYTES


def follow(request: Request, route: Route) -> Response:
    """Send the request and follow its redirects. Raises BadParams, Unavailable, Rejected; any status comes back."""
    requests.check(request)
    url = _read_url(request)
    for _ in range(request.redirects_left + 1):
        response = _send(request, url, route)
        location = response.headers.get("location")
        if response.status not in _REDIRECTS or location is None or not request.redirects_left:
            return response
        target = _read_redirect(url, location)
        request = request if target.origin == url.origin else request.without_credentials()
        url = target
    raise Rejected(f'"{url.host}" sends us on more than {request.redirects_left} times. Use the address it ends at.')


def _send(request: Request, url: Url, route: Route) -> Response:
    try:
        addresses = reach.permitted_addresses(url, route.policy, route.resolve, route.deadline)
        stream = sockets.connect(url, addresses, route.tls, route.deadline)
    except OSError as error:
        raise reach.no_answer(url, error, maybe_done=False) from None
    with closing(stream):
        try:
            return _exchange(request, url, stream)
        except (OSError, httpcore2.NetworkError, httpcore2.RemoteProtocolError) as error:
            raise reach.no_answer(url, error, maybe_done=True) from None


def _exchange(request: Request, url: Url, stream: sockets.Stream) -> Response:
    origin = httpcore2.Origin(url.scheme.encode(), url.host.encode(), url.port)
    connection = Http1(origin, stream)
    answer = connection.handle_request(
        httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=requests.wire_headers(request, url),
            content=request.body or b"",
        )
    )
    bodies.check_headers(answer.headers, url.host)
    headers = _joined(answer.headers)
    body = bodies.read_body(answer.iter_stream(), headers.get("content-encoding", ""), url.host)
    return Response(answer.status, headers, body, str(url), _parsed(body, headers))


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; values of one name joined as RFC 9110 §5.3 allows."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _parsed(body: bytes, headers: Mapping[str, str]) -> Any:
    """The body's JSON, or None: also when it only claims to be JSON, or nests too deep."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        return None
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_url(request: Request) -> Url:
    try:
        return urls.parse(request.url, request.query)
    except BadUrl as error:
        raise BadParams(f"The web address cannot be used: {error}.", fields={"url": str(error)}) from None


def _read_redirect(base: Url, location: str) -> Url:
    try:
        return urls.parse_redirect(base, location)
    except BadUrl as error:
        raise BadParams(f'"{base.host}" sends us on to an address that cannot be used: {error}.') from None
