"""What comes in: JSON that means the same to everybody, and one file at a time (rules E21 and S13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from workflows.api.problems import LengthRequired, TooLarge
from workflows.engine import strict

MOST_BYTES = 2_000_000
MOST_VALUES = 100_000
"""Values are what costs time to check: a million zeros fit into two megabytes."""

ENVELOPE_BYTES = 100_000
"""Room for what multipart puts around a file."""


class Stream(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class StrictJSONParser(BaseParser):
    """Every body of the API but an upload. Always UTF-8: a charset in the header means nothing (RFC 8259)."""

    media_type = "application/json"

    def parse(
        self, stream: Stream, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises TooLarge before reading what is too large, ParseError naming the place."""
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES or _has_too_many_values(body):
            raise TooLarge(
                f"A body has at most {MOST_BYTES:,} bytes and {MOST_VALUES:,} values. Upload what is larger as a file."
            )
        try:
            return strict.loads(body)
        except strict.NotStrict as error:
            raise ParseError(f"The body was refused: {strict.legible(str(error), 500)}.") from None


class UploadParser(MultiPartParser):
    """`multipart/form-data` with one file, on the one route that takes files."""


def refuse_length(request: Request, most: int = MOST_BYTES) -> None:
    """Look at the announced length alone, so that nothing of a body that is too large is read."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if not announced and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired()
    if announced.isascii() and announced.isdigit() and (len(announced) > 15 or int(announced) > most):
        raise TooLarge(f"The body has {announced[:15]} bytes; at most {most:,} are allowed here.")


def _has_too_many_values(body: bytes) -> bool:
    """Counted by the marks between values; text is looked into only when there are suspiciously many."""
    if _marks(body) <= MOST_VALUES:
        return False
    return _marks(_without_texts(body)) > MOST_VALUES


def _without_texts(body: bytes) -> bytes:
    """Every second piece between quotation marks, once the escaped ones are gone."""
    return b"".join(body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])


def _marks(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")
