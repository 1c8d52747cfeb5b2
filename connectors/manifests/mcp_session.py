"""Speaking with a server of the Model Context Protocol, through the doors that a step or an import has. Pure.

Source: https://modelcontextprotocol.io/specification/2025-06-18/basic/transports (Streamable HTTP). The protocol's own
library brings an HTTP client and an event loop of its own; here each message is one request through our door, with its
addresses, caps and deadlines (rules S1 to S7). What a server sends besides its answer is not waited for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.sdk import AuthFailed, RateLimited, Rejected, Response, StepError, Unavailable
from connectors.sdk.answers import header
from connectors.sdk.context import Http
from connectors.sdk.programs import Program

VERSION = "2025-06-18"
US = {"name": "Tandem", "version": "1"}
MOST_PAGES = 50
MOST_TOOLS = 1_000
LONGEST_QUOTE = 300
_SESSION = "mcp-session-id"


PROGRAM = "program://"
"""Of an address: it is a program of this server that speaks over its standard input and output."""


class Wire(Protocol):
    """Over which messages travel."""

    def say(self, message: Mapping[str, Any], until: int | None) -> Sequence[Mapping[str, Any]]:
        """What was answered, up to the message with the id `until`; nothing where no answer is expected."""
        ...


@dataclass
class Session:
    """One conversation. `server` is what the other side says of itself, once `begin` was called."""

    wire: Wire
    server: Mapping[str, Any] = field(default_factory=dict)
    asked: int = 0

    def begin(self) -> None:
        """Raises StepError like everything here."""
        told = self.ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": US})
        self.server = _mapping(told.get("serverInfo"))
        if isinstance(self.wire, OverHttp):
            self.wire.version = str(told.get("protocolVersion") or VERSION)
        self.wire.say({"jsonrpc": "2.0", "method": "notifications/initialized"}, None)

    def tools(self) -> list[Mapping[str, Any]]:
        """All that the server offers."""
        found: list[Mapping[str, Any]] = []
        cursor: Any = None
        for _ in range(MOST_PAGES):
            page = self.ask("tools/list", {"cursor": cursor} if cursor else {})
            found += [each for each in page.get("tools") or () if isinstance(each, Mapping)]
            cursor = page.get("nextCursor")
            if not cursor or len(found) > MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.ask("tools/call", {"name": tool, "arguments": dict(arguments)})

    def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked += 1
        question = {"jsonrpc": "2.0", "id": self.asked, "method": method, "params": dict(params)}
        answers = self.wire.say(question, self.asked)
        answer = next((each for each in answers if each.get("id") == self.asked), None)
        if answer is None:
            raise Unavailable("The MCP server gave no answer to what it was asked.", maybe_done=True)
        if "error" in answer:
            said = str(_mapping(answer["error"]).get("message", ""))[:LONGEST_QUOTE]
            raise Rejected(f"The MCP server refused: {said or 'it does not say why'}.")
        return _mapping(answer.get("result"))


@contextmanager
def session_with(http: Http, program: Program, address: str) -> Iterator[Session]:
    """With the server at this address, begun; over at the end of the block."""
    if address.startswith(PROGRAM):
        with program.started() as talk:
            session = Session(talk)
            session.begin()
            yield session
        return
    wire = OverHttp(http, address)
    session = Session(wire)
    session.begin()
    yield session
    wire.end()


@dataclass
class OverHttp:
    """`Wire`: one request for each message. `id` is the session that the server has given us."""

    http: Http
    address: str
    version: str = ""
    id: str = ""

    def say(self, message: Mapping[str, Any], until: int | None) -> Sequence[Mapping[str, Any]]:
        response = self.http.send("POST", self.address, headers=self._headers(), json=message)
        _demand(response)
        self.id = header(response, _SESSION) or self.id
        return list(_messages(response)) if until is not None else ()

    def end(self) -> None:
        """The server may forget us; whether it does is its own affair."""
        if self.id:
            with suppress(StepError):
                self.http.send("DELETE", self.address, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream"}
        told = {"MCP-Protocol-Version": self.version, "Mcp-Session-Id": self.id}
        return headers | {name: value for name, value in told.items() if value}


def _demand(response: Response) -> None:
    status = response.status
    said = f"The MCP server answered with {status}"
    if status in (401, 403):
        raise AuthFailed(f"{said}: it does not accept the credentials. Renew the connection.")
    if status in (429, 503):
        raise RateLimited(f"{said}: come back later.")
    if status >= 500:
        raise Unavailable(f"{said}: it has a problem of its own. Try again later.", maybe_done=True)
    if status >= 300:
        raise Rejected(f"{said}. Is there an MCP server at this address, and does it speak Streamable HTTP?")


def _messages(response: Response) -> Iterator[Mapping[str, Any]]:
    """Those of a JSON answer, or of a stream of events."""
    if response.data is not None:
        yield from (each for each in _list(response.data) if isinstance(each, Mapping))
        return
    if not header(response, "content-type").startswith("text/event-stream"):
        return
    text = response.body.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    for event in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        with suppress(ValueError, RecursionError):
            found = json.loads("\n".join(lines)) if lines else None
            yield from (each for each in _list(found) if isinstance(each, Mapping))


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
