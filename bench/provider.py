"""`python -m bench.provider SECONDS`: a provider of AI models that answers every question after so many seconds.

OpenAI's wire format, streamed, in one lean process. Prints its port, then serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import suppress
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TEXT = json.dumps({"text": "Fine."})


def events() -> bytes:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        *({"choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in _parts(TEXT)),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 60, "completion_tokens": 8, "total_tokens": 68}},
    ]
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "bench-1"}
    return "".join(f"data: {json.dumps({**head, **chunk})}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def _parts(text: str, size: int = 6) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def answer() -> bytes:
    body = events()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


class Talk(asyncio.Protocol):
    """One connection: each whole question gets its answer `after_s` later."""

    def __init__(self, after_s: float, said: bytes) -> None:
        self.after_s, self.said = after_s, said
        self.heard = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        end = self.heard.find(b"\r\n\r\n")
        if end < 0:
            return
        found = LENGTH.search(self.heard[:end])
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self.heard) >= whole:
            self.heard = self.heard[whole:]
            asyncio.get_running_loop().call_later(self.after_s, self._answer)

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.said)


async def serve(after_s: float) -> None:
    said = answer()
    server = await asyncio.get_running_loop().create_server(lambda: Talk(after_s, said), "127.0.0.1", 0, backlog=2_048)
    # Whoever started us holds the other end of our input.
    asyncio.get_running_loop().add_reader(sys.stdin, server.close)
    print(server.sockets[0].getsockname()[1], flush=True)
    with suppress(asyncio.CancelledError):
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
