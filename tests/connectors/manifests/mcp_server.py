"""A real MCP server on loopback, from the protocol's own library, with a token before it."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations
from starlette.requests import Request
from starlette.responses import PlainTextResponse

TOKEN = "mcp-token-unheard-of"


class ToolServer:
    """`called` holds what its tools were called with."""

    def __init__(self, *, json_response: bool = False) -> None:
        self.called: list[tuple[str, Any]] = []
        self.port = _free_port()
        app = _Guarded(self._server().streamable_http_app(json_response=json_response))
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error", lifespan="on"))
        self._thread = threading.Thread(target=self._uvicorn.run, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def start(self) -> ToolServer:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._uvicorn.started and time.monotonic() < deadline:
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=10)

    def _server(self) -> MCPServer:
        server = MCPServer("Word desk", version="1.2")

        @server.tool(annotations=ToolAnnotations(readOnlyHint=True))
        def count_words(text: str, longest: int = 100) -> dict[str, int]:
            """Count the words of a text."""
            self.called.append(("count_words", (text, longest)))
            return {"words": len(text.split())}

        @server.tool()
        def forget_words(word: str) -> str:
            """Forget a word for good."""
            self.called.append(("forget_words", word))
            if word == "press":
                raise ValueError("That one is needed.")
            return f"Forgot {word}."

        return server


class _Guarded:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and Request(scope).headers.get("authorization") != f"Bearer {TOKEN}":
            await PlainTextResponse("no", status_code=401)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
