"""The web server under clients that are slow, greedy or rude (case P13), and how it stops."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from config import programs
from config.env import ROOT
from config.processes import Process, Program
from config.serving import MOST_BODY_BYTES, MOST_CONNECTIONS, MOST_HEADER_BYTES, PATIENCE_S, Request, adjustments
from tests.house.test_up import free_port

EACH = 50
NO_DATABASE = "postgresql://nobody@127.0.0.1:9/nothing"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of the real server with the real application."""
    env = replace(settings.ENV, home=tmp_path_factory.mktemp("serving"), port=free_port())
    program = programs.web(env)
    own = {"PORT": str(env.port), "DATABASE_URL": NO_DATABASE, "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = Process(replace(program, env={**program.env, **own}))
    try:
        process.wait_until_ready()
        yield env.port
        assert process.exit_code() is None
    finally:
        process.stop()


def echo(home: Path, **environ: str) -> Process:
    """Our server before an application of the tests."""
    number = free_port()
    program = Program(
        name="echo",
        command=[sys.executable, "-m", "tests.house.echo_server"],
        log=home / "echo.log",
        cwd=ROOT,
        env={"PORT": str(number), "TANDEM_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings", **environ},
        is_ready=lambda: is_open(number),
    )
    process = Process(program)
    process.wait_until_ready()
    return process


def is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def port_of(process: Process) -> int:
    return int(process.program.env["PORT"])


def ask(port: int, path: str = "/healthz", method: str = "GET", **more: object) -> tuple[int, bytes]:
    caller = HTTPConnection("127.0.0.1", port, timeout=30)
    caller.request(method, path, **more)  # type: ignore[arg-type]
    answer = caller.getresponse()
    body = answer.read()
    caller.close()
    return answer.status, body


def begun(port: int, words: bytes) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port), timeout=60)
    caller.sendall(words)
    return caller


def said(caller: socket.socket) -> bytes:
    """All that is answered until the other side closes."""
    received = b""
    while part := caller.recv(65_536):
        received += part
    return received


def web_process(port: int) -> psutil.Process:
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return next(one for one in mine if any(at.laddr.port == port for at in one.net_connections() if at.laddr))


BODY = b"POST /api/v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


def test_clients_that_trickle_hold_up_nobody_and_are_refused_in_the_end(port: int) -> None:
    """Case P13: fifty that trickle a body and fifty that trickle headers, while others are served."""
    with ExitStack() as open_ones:
        bodies = [begun(port, BODY + b"Content-Length: 1000000\r\n\r\n--x") for _ in range(EACH)]
        headers = [begun(port, b"GET /healthz HTTP/1.1\r\nHost: local") for _ in range(EACH)]
        for caller in (*bodies, *headers):
            open_ones.enter_context(caller)

        answered = 0
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S / 2:
            for caller in (*bodies, *headers):
                caller.sendall(b"x")
            answered += ask(port) == (200, b"alive\n")
        answers = [said(caller) for caller in bodies]
        plain = [said(caller) for caller in headers]

    assert answered >= 5  # four such clients once held one answer up for eleven seconds
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert json.loads(answers[0].partition(b"\r\n\r\n")[2])["type"] == "/api/v1/docs#too-slow"
    assert all(b" 408 " in answer.splitlines()[0] and b"too slowly" in answer for answer in plain)
    assert ask(port) == (200, b"alive\n")


def test_a_slow_but_honest_client_gets_its_answer(port: int) -> None:
    with begun(port, BODY + b"Content-Length: 10\r\nConnection: close\r\n\r\n12345") as caller:
        time.sleep(2)
        caller.sendall(b"67890")

        assert said(caller).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/files", "problem+json"), ("/runs", "text/plain")])
def test_a_body_over_the_limit_is_refused_by_its_announcement(port: int, path: str, kind: str) -> None:
    """Case P13: five gigabytes are announced, one kilobyte is sent."""
    announced = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000000\r\n\r\n".encode()

    with begun(port, announced + b"x" * 1_000) as caller:
        answer = said(caller)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert kind.encode() in answer
    assert f"more than {MOST_BODY_BYTES:,} bytes".encode() in answer


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * MOST_HEADER_BYTES + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X-Same: 1\r\n" * 5_000 + b"\r\n",
        b"GET /" + b"p" * MOST_HEADER_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["one long header", "5,000 headers", "a long address"],
)
def test_a_huge_header_is_refused(port: int, request_head: bytes) -> None:
    """Case P14."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        caller.sendall(request_head)
        status = caller.recv(65_536).splitlines()[0]

    assert status.endswith(b"431 Request Header Fields Too Large")
    assert ask(port) == (200, b"alive\n")


def test_a_large_body_lies_on_disk_while_it_arrives(port: int) -> None:
    """Case P13: memory stays flat."""
    ask(port)
    server = web_process(port)
    before = server.memory_info().rss

    with begun(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n") as caller:
        for _ in range(59):
            caller.sendall(bytes(1_000_000))
        grown = server.memory_info().rss - before

    assert grown < 20_000_000


def test_head_is_answered_without_a_body(port: int) -> None:
    with begun(port, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as caller:
        answer = said(caller)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 6" in answer
    assert b"Server:" not in answer


def test_what_is_under_way_is_answered_before_the_server_stops(home: Path) -> None:
    server = echo(home)
    with begun(port_of(server), b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n") as caller:
        time.sleep(0.5)

        server.ask_to_stop()
        answer = said(caller)
        server.wait_for_end(10)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.exit_code() == 0
    assert not is_open(port_of(server))


def test_a_client_that_never_ends_its_request_does_not_hold_the_stop_up(home: Path) -> None:
    server = echo(home)
    with begun(port_of(server), b"GET /slow HTTP/1.1\r\nHost: local"):
        time.sleep(0.5)

        server.stop()

    assert server.exit_code() == 0


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [("", ("127.0.0.1", "http")), ("192.0.2.1", ("127.0.0.1", "http")), ("127.0.0.1", ("203.0.113.7", "https"))],
    ids=["nobody", "another proxy", "this proxy"],
)
def test_only_the_named_proxy_is_believed(home: Path, trusted: str, seen: tuple[str, str]) -> None:
    server = echo(home, TANDEM_TRUSTED_PROXY=trusted)
    try:
        told = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
        _, body = ask(port_of(server), "/", headers=told)
    finally:
        server.stop()

    got = json.loads(body)
    assert (got["from"], got["scheme"]) == seen


@pytest.mark.parametrize(
    ("seconds", "received", "is_too_slow"),
    [
        (PATIENCE_S - 1, 0, False),
        (PATIENCE_S + 1, 0, True),
        (PATIENCE_S + 1, 20_000, False),
        (PATIENCE_S + 3, 20_000, True),
        (3_000, 30_000_000, False),
    ],
)
def test_a_request_may_take_as_long_as_a_poor_line_needs(seconds: int, received: int, is_too_slow: bool) -> None:
    request = Request(adjustments(settings.ENV))
    request.header_bytes_received, request.body_bytes_received = 0, received

    assert request.is_too_slow(request.began + seconds) is is_too_slow


def test_there_is_room_for_all_who_trickle_in_the_test_above() -> None:
    assert 2 * EACH < MOST_CONNECTIONS
