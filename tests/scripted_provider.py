"""A provider of AI models that does what the test's script says: real HTTP on loopback, OpenAI's real wire format.

    provider.script = [fails(503), rate_limited("7"), gives({"label": "positive"})]  # one reply per request, in order
    provider.reply = lambda asked: says(asked["messages"][-1]["content"].upper())  # or a function of the body

Where neither says anything, the provider answers with the smallest object that fits the schema asked for, or "Fine.".
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

MODEL = "scripted-1"
KEY = "sk-scripted-0123456789abcdefghij"


@dataclass(frozen=True)
class Reply:
    """What one request gets. Times in seconds; a stall lasts until the provider is closed, or `stall_s`."""

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    finish: str | None = "stop"
    refusal: str = ""
    model: str = MODEL
    usage: tuple[int, int] | None = (12, 5)
    done: bool = True
    piece: int = 12
    before_s: float = 0
    between_s: float = 0
    stall_before_headers: bool = False
    stall_before_body: bool = False
    stall_after: int | None = None
    cut_after: int | None = None
    stall_s: float = 600
    keep_alive_s: float = 0
    extra_events: Sequence[str] = ()


def says(text: str, **more: Any) -> Reply:
    return Reply(text=text, **more)


def gives(value: Any, **more: Any) -> Reply:
    """An answer that is JSON; a text is sent as written, so that it may be broken JSON as well."""
    return Reply(text=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), **more)


def fails(status: int = 500, message: str = "it broke", code: str | None = None, **more: Any) -> Reply:
    error = {"message": message, "type": more.pop("type", "server_error"), "code": code, "param": None}
    return Reply(status=status, body=json.dumps({"error": error}).encode(), **more)


def rate_limited(retry_after: str | None = None, milliseconds: str | None = None) -> Reply:
    headers = {"Retry-After": retry_after, "Retry-After-Ms": milliseconds}
    told = {name: value for name, value in headers.items() if value is not None}
    return fails(429, "Rate limit reached", "rate_limit_exceeded", type="requests", headers=told)


def out_of_quota() -> Reply:
    return fails(429, "You exceeded your current quota.", "insufficient_quota", type="insufficient_quota")


def payment_required() -> Reply:
    return fails(402, "Insufficient credits.")


def wrong_key() -> Reply:
    return fails(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key", type="invalid_request_error")


def context_too_long() -> Reply:
    message = "This model's maximum context length is 8192 tokens."
    return fails(400, message, "context_length_exceeded", type="invalid_request_error")


def refuses(reason: str = "I cannot help with that.") -> Reply:
    return Reply(refusal=reason)


def filtered(text: str = "") -> Reply:
    return Reply(text=text, finish="content_filter")


def stops_at_length(text: str) -> Reply:
    return Reply(text=text, finish="length")


def stalls_before_headers() -> Reply:
    return Reply(stall_before_headers=True)


def stalls_before_body() -> Reply:
    return Reply(stall_before_body=True)


def stalls_midway(text: str = "Once upon a time there was") -> Reply:
    return Reply(text=text, stall_after=2)


def drips(every_s: float, text: str = "drop " * 500) -> Reply:
    return Reply(text=text, piece=1, between_s=every_s)


def only_keeps_alive(every_s: float) -> Reply:
    return Reply(stall_before_body=True, keep_alive_s=every_s)


def cuts(text: str = "Once upon a time there was", after: int = 2) -> Reply:
    """The connection closes in the middle of the stream."""
    return Reply(text=text, cut_after=after)


def forgets_done(text: str = "All said") -> Reply:
    return Reply(text=text, done=False)


def huge(megabytes: int = 50) -> Reply:
    return Reply(text="x" * (megabytes * 1_000_000), piece=100_000)


class ScriptedProvider:
    """Serves until `close()`. `requests` holds the body of every question, `calls` their number."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.reply: Callable[[dict[str, Any]], Reply] = fitting
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def calls(self) -> int:
        return len(self.requests)

    def next_reply(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            self.requests.append(body)
            self.headers.append(headers)
            self.times.append(time.monotonic())
            scripted = self.script.pop(0) if self.script else None
        return scripted or self.reply(body)

    def works(self, by: int) -> None:
        with self._lock:
            self.at_once += by
            self.most_at_once = max(self.most_at_once, self.at_once)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def scripted_provider() -> Iterator[ScriptedProvider]:
    provider = ScriptedProvider()
    yield provider
    provider.close()


def fitting(asked: Mapping[str, Any]) -> Reply:
    """The smallest answer that keeps to the schema in the request."""
    form = asked.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema")
    return gives(smallest(schema)) if schema else says("Fine.")


def smallest(schema: Mapping[str, Any]) -> Any:
    """The smallest value of a JSON Schema as our own steps write them."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0])
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: smallest(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [smallest(schema["items"])] * schema.get("minItems", 0)
        case "string":
            return "2026-01-31" if _is_date(schema) else "Fine."[: schema.get("maxLength", 5)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
    return None


def _is_date(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "date" or "form of a date" in schema.get("description", "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024
    provider: ScriptedProvider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.provider.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        provider = self.server.provider
        reply = provider.next_reply(body, {name.lower(): value for name, value in self.headers.items()})
        provider.works(+1)
        try:
            self._answer(reply, streamed=bool(body.get("stream")))
        finally:
            provider.works(-1)

    def _answer(self, reply: Reply, *, streamed: bool) -> None:
        self._pause(reply.before_s)
        if reply.stall_before_headers:
            self._stall(reply)
        elif reply.body is not None:
            self._whole(reply, reply.body)
        elif streamed:
            self._stream(reply)
        else:
            self._whole(reply, json.dumps(_completion(reply)).encode())

    def _whole(self, reply: Reply, body: bytes) -> None:
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, reply: Reply) -> None:
        self.send_response(200)
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.stall_before_body:
            self._stall(reply)
            return
        for number, event in enumerate(_events(reply)):
            if number == reply.cut_after:
                self._hang_up()
                return
            if number == reply.stall_after:
                self._stall(reply)
                return
            self._chunk(event)
            self._pause(reply.between_s)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        content = text.encode("utf-8", "surrogatepass")
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _stall(self, reply: Reply) -> None:
        closing, ends = self.server.provider.closing, time.monotonic() + reply.stall_s
        while reply.keep_alive_s and time.monotonic() < ends and not closing.wait(reply.keep_alive_s):
            self._chunk(": still working\n\n")
        closing.wait(max(0, ends - time.monotonic()))
        self._hang_up()

    def _pause(self, seconds: float) -> None:
        if seconds:
            self.server.provider.closing.wait(seconds)

    def _hang_up(self) -> None:
        self.close_connection = True


def _events(reply: Reply) -> Iterator[str]:
    yield _event(reply, {"role": "assistant", "content": ""})
    if reply.refusal:
        yield _event(reply, {"refusal": reply.refusal})
    for piece in _pieces(reply.text, reply.piece):
        yield _event(reply, {"content": piece})
    if reply.finish:
        yield _event(reply, {}, finish=reply.finish)
    yield from reply.extra_events
    if reply.usage:
        yield _data({**_head(reply, "chat.completion.chunk"), "choices": [], "usage": _usage(reply.usage)})
    if reply.done:
        yield "data: [DONE]\n\n"


def _event(reply: Reply, delta: Mapping[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({**_head(reply, "chat.completion.chunk"), "choices": [choice], "usage": None})


def _data(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal or None}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    usage = {"usage": _usage(reply.usage)} if reply.usage else {}
    return {**_head(reply, "chat.completion"), "choices": [choice], **usage}


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": 1_760_000_000,
        "model": reply.model,
        "system_fingerprint": "fp_scripted",
    }


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def _pieces(text: str, size: int) -> Iterator[str]:
    for start in itertools.count(0, size):
        if start >= len(text):
            return
        yield text[start : start + size]


def blocks_in(asked: Mapping[str, Any]) -> dict[str, str]:
    """The data blocks of a question as our door fences them: name → text."""
    user = next(message["content"] for message in asked["messages"] if message["role"] == "user")
    found = re.finditer(r'<material-([a-z]{8}) name="(.*?)">\n(.*?)\n</material-\1>', user, re.DOTALL)
    return {match[2]: match[3] for match in found}
