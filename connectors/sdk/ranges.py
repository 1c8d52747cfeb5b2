"""A file taken over HTTP piece by piece, because one answer is at most 10 MB. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from connectors.sdk.context import Response
from connectors.sdk.errors import Rejected, Unavailable
from connectors.sdk.stores import MOST_BYTES, too_large

PIECE_BYTES = 8_000_000

_WHERE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def read_whole(path: str, ask: Callable[[Mapping[str, str]], Response]) -> bytes:
    """`ask` sends a GET with these headers, and raises for any status but 200, 206, 412 and 416.

    Raises Rejected (too large), Unavailable (it changed meanwhile, or the pieces do not fit).
    """
    content: bytes = b""
    headers: dict[str, str] = {}
    while True:
        wanted = f"bytes={len(content)}-{len(content) + PIECE_BYTES - 1}"
        answer = ask({"Range": wanted, **headers})
        if answer.status == 200:
            return _within(path, answer.body, len(answer.body))
        if answer.status == 416 and not content:
            return b""
        total = _total(answer, len(content))
        if not total:
            raise Unavailable(f"“{path}” changed while it was read, or came in pieces that do not fit. Try again.")
        content = _within(path, content + answer.body, total)
        if len(content) >= total:
            return content
        headers = {"If-Match": answer.headers["etag"]} if "etag" in answer.headers else {}


def _total(answer: Response, start: int) -> int:
    """How large the file is; 0 where this is not its next piece."""
    found = _WHERE.fullmatch(answer.headers.get("content-range", "")) if answer.status == 206 else None
    if found is None or not answer.body:
        return 0
    first, last, total = map(int, found.groups())
    return total if first == start and last - first + 1 == len(answer.body) and last < total else 0


def _within(path: str, content: bytes, total: int) -> bytes:
    if total > MOST_BYTES or len(content) > MOST_BYTES:
        raise Rejected(too_large(path, max(total, len(content))))
    return content
