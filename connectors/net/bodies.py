"""Taking in an answer without being flooded (rule S6). Pure: works on any stream of chunks."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from connectors.sdk import Rejected

MOST_BODY_BYTES = 10_000_000  # after decompression
MOST_HEADER_BYTES = 64_000
MOST_HEADERS = 200
MOST_EXPANSION = 100
# Below this, a high ratio is a short and repetitive text rather than a bomb.
EXPANSION_COUNTS_FROM = 64_000

_PIECE_BYTES = 64_000
_GZIP = zlib.MAX_WBITS | 16


def check_headers(headers: Iterable[tuple[bytes, bytes]], host: str) -> None:
    """Raises Rejected when there are too many, or too large ones."""
    sizes = [len(name) + len(value) for name, value in headers]
    if len(sizes) > MOST_HEADERS or sum(sizes) > MOST_HEADER_BYTES:
        raise Rejected(
            f'"{host}" answered with more headers than we accept ({MOST_HEADERS}, {MOST_HEADER_BYTES} bytes).'
        )


def read_body(chunks: Iterable[bytes], coding: str, host: str) -> bytes:
    """The whole body, unpacked. `coding` is the Content-Encoding; only gzip was asked for. Raises Rejected."""
    coding = coding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Rejected(
            f'"{host}" packed its answer in a way that was not asked for. Ask its operator to send gzip or plain.'
        )
    try:
        return _gathered(chunks if coding in ("", "identity") else _unzipped(chunks))
    except zlib.error:
        raise Rejected(f'"{host}" sent an answer that cannot be unpacked.') from None
    except OverflowError:
        raise Rejected(
            f'"{host}" answered with more than {MOST_BODY_BYTES // 1_000_000} MB, or packed more than '
            f"{MOST_EXPANSION}:1. Ask it for less, for instance page by page."
        ) from None


def _gathered(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        if len(body) + len(chunk) > MOST_BODY_BYTES:
            raise OverflowError
        body += chunk
    return bytes(body)


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack piece by piece; a body may be several gzip members in a row. An end too early is an error."""
    unpacker = zlib.decompressobj(_GZIP)
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        while chunk:
            if unpacker.eof:
                unpacker = zlib.decompressobj(_GZIP)
            piece = unpacker.decompress(chunk, _PIECE_BYTES)
            given += len(piece)
            if given > EXPANSION_COUNTS_FROM and given > taken * MOST_EXPANSION:
                raise OverflowError
            yield piece
            chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if taken and not unpacker.eof:
        raise zlib.error
