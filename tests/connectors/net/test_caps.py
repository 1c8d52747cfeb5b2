"""However much, however slowly: an answer ends at the caps."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib

import pytest

from connectors.net import Egress, Request, bodies, fetch
from connectors.sdk import Rejected, Response, Unavailable
from tests.connectors.net.conftest import Serve
from tests.connectors.net.servers import Server, Speak, answer, drips, is_silent, says

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MOST_MEMORY = 30_000_000


def get(server: Server, timeout_s: float = 30) -> Response:
    return fetch(Request("GET", server.url, timeout_s=timeout_s), policy=Egress((server.entry,)))


def bomb(size: int) -> bytes:
    return gzip.compress(bytes(size), 9)


def packed(body: bytes) -> Speak:
    return answer(body=body, Content_Encoding="gzip")


def test_a_body_of_exactly_ten_megabytes_is_taken_and_one_byte_more_is_not(serve: Serve) -> None:
    whole = serve(answer(body=b"x" * bodies.MOST_BODY_BYTES))
    more = serve(answer(body=b"x" * (bodies.MOST_BODY_BYTES + 1)))

    assert len(get(whole).body) == bodies.MOST_BODY_BYTES
    with pytest.raises(Rejected, match="more than 10 MB"):
        get(more)


@pytest.mark.parametrize(
    "endless",
    [
        drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, pause_s=0),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65_536, pause_s=0),
        drips(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n", pause_s=0),
        packed(bomb(100_000_000)),
        packed(bomb(1_000_000)),
        packed(gzip.compress(bytes(range(256)) * 50_000)),
        packed(b"".join(bomb(60_000) for _ in range(300))),
    ],
    ids=["until-closed", "10-GB", "chunked", "bomb-1000", "small-bomb", "bomb-250", "bomb-of-members"],
)
def test_a_flood_is_cut_with_little_memory(endless: Speak, serve: Serve) -> None:
    server = serve(endless)

    tracemalloc.start()
    with pytest.raises(Rejected, match="more than 10 MB, or packed more than 100:1"):
        get(server)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < MOST_MEMORY


@pytest.mark.parametrize(
    "slow",
    [
        is_silent,
        drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x"),
        drips(CHUNKED, b"1\r\nx\r\n"),
        drips(CHUNKED + b"f;", b"extension"),
    ],
    ids=["silent", "headers", "informational", "body", "chunks", "extension"],
)
def test_a_server_that_drips_is_cut_at_the_deadline(slow: Speak, serve: Serve) -> None:
    server = serve(slow)
    began = time.monotonic()

    with pytest.raises(Unavailable):
        get(server, timeout_s=0.5)

    assert 0.45 < time.monotonic() - began < 3.0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_reads_nothing_is_cut_at_the_deadline(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        request = Request("POST", url, body=bytes(20_000_000), timeout_s=0.5)
        began = time.monotonic()

        with pytest.raises(Unavailable):
            fetch(request, policy=Egress((f"private:{url}",)))

    assert 0.45 < time.monotonic() - began < 3.0


def test_nobody_may_ask_for_more_than_thirty_seconds(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    monkeypatch.setattr("connectors.net.LONGEST_WAIT_S", 0.3)
    began = time.monotonic()

    with pytest.raises(Unavailable):
        get(serve(is_silent), timeout_s=3_600)

    assert time.monotonic() - began < 3.0


def headers(count: int, size: int) -> Speak:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"x" * size) for number in range(count))
    return says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n")


def test_as_many_headers_as_a_generous_server_sends_are_taken(serve: Serve) -> None:
    assert len(get(serve(headers(150, 300))).headers) == 151


@pytest.mark.parametrize(("count", "size"), [(100_000, 10), (1, 1_000_000), (201, 1), (70, 1_000), (1, 66_000)])
def test_more_headers_are_not(count: int, size: int, serve: Serve) -> None:
    with pytest.raises((Rejected, Unavailable)):
        get(serve(headers(count, size)))


def test_a_packed_answer_is_unpacked(serve: Serve) -> None:
    text = b"".join(b"line %d\n" % number for number in range(20_000))

    assert get(serve(packed(gzip.compress(text)))).body == text
    assert get(serve(packed(gzip.compress(text[:9]) + gzip.compress(text[9:])))).body == text
    assert get(serve(packed(b""))).body == b""


def test_a_short_repetitive_text_is_no_bomb(serve: Serve) -> None:
    assert get(serve(packed(bomb(50_000)))).body == bytes(50_000)


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(b"x" * 1_000)[:-1],
        gzip.compress(b"x" * 1_000)[:-8] + bytes(8),
        gzip.compress(b"x") + b"garbage",
        zlib.compress(b"x"),
        b"plain",
    ],
    ids=["cut", "wrong-sum", "garbage-behind", "zlib", "plain"],
)
def test_an_answer_that_cannot_be_unpacked_is_never_taken_for_whole(broken: bytes, serve: Serve) -> None:
    with pytest.raises(Rejected, match="cannot be unpacked"):
        get(serve(packed(broken)))


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "compress"])
def test_an_answer_packed_otherwise_is_refused(coding: str, serve: Serve) -> None:
    with pytest.raises(Rejected, match="not asked for"):
        get(serve(answer(body=b"x", Content_Encoding=coding)))


def test_an_answer_that_breaks_off_is_no_answer(serve: Serve) -> None:
    for cut in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", CHUNKED + b"5\r\nx", b"HTTP/1.1 200 OK\r\nX"):
        with pytest.raises(Unavailable):
            get(serve(says(cut)))


def test_unpacking_takes_no_more_from_the_stream_than_it_needs_to_see_the_bomb() -> None:
    whole = bomb(50_000_000)
    pieces = [whole[at : at + 1_000] for at in range(0, len(whole), 1_000)]
    stream = iter(pieces)

    with pytest.raises(Rejected):
        bodies.read_body(stream, "gzip", "ok.example")

    assert len(list(stream)) == len(pieces) - 1
