"""What we send, checked before anything is looked up or connected: nothing can be smuggled into it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.net.urls import Url
from connectors.sdk import BadParams

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} | {"PROPFIND", "MKCOL", "MOVE"})
LONGEST_WAIT_S = 30.0
MOST_REDIRECTS = 3

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# These frame the message or name its receiver: whoever sets them can smuggle a second request or reach another site.
_OURS = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
# Another host gets these and no other: any other header may be a credential, whatever its name.
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})


@dataclass(frozen=True, slots=True)
class Request:
    """One exchange to make. `redirects` is how many a GET or HEAD may follow, at most 3; other methods follow none."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = LONGEST_WAIT_S
    redirects: int = 0

    @property
    def redirects_left(self) -> int:
        return min(self.redirects, MOST_REDIRECTS) if self.method in ("GET", "HEAD") else 0

    def without_credentials(self) -> Request:
        return replace(self, headers={k: v for k, v in self.headers.items() if k.lower() in _HARMLESS})


def check(request: Request) -> None:
    """Raises BadParams when the method or a header cannot be sent as it is. Values are never repeated in the error."""
    if request.method not in METHODS:
        raise BadParams("This is not an HTTP method that can be sent.", fields={"method": "Choose one of the list."})
    for name, value in request.headers.items():
        problem = _problem(name, value)
        if problem:
            raise BadParams(f"A header cannot be sent: {problem}.", fields={"headers": problem})


def wire_headers(request: Request, url: Url) -> list[tuple[bytes, bytes]]:
    """All headers of the request as they travel; what the caller gave wins over our defaults."""
    given = {name.lower(): (name, value.strip(" ")) for name, value in request.headers.items()}
    ours = {"Host": url.authority, "Accept-Encoding": "gzip", "Connection": "close"}
    if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
        ours["Content-Length"] = str(len(request.body or b""))
    defaults = {"User-Agent": "Tandem", "Accept": "*/*"}
    missing = [(name, value) for name, value in defaults.items() if name.lower() not in given]
    return [(name.encode("ascii"), value.encode()) for name, value in (*ours.items(), *missing, *given.values())]


def _problem(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        return "its name holds characters that header names cannot hold"
    if name.lower() in _OURS:
        return f'"{name}" is set by Tandem itself'
    if _CONTROL.search(value) or not _is_utf8(value):
        return f'the value of "{name}" holds a line break or another invisible character'
    return ""


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
