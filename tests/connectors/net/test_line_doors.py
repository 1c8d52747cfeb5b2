"""Every door that speaks no HTTP, under the rules of all doors: cases S01, S02, S06 and S08 of the tests of trust."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from django.db import transaction

from connectors.net import mysql, postgresql, sftp
from connectors.net.egress import Egress
from connectors.sdk import BadParams, StepError, Unavailable
from connectors.sdk.sql import Database
from connectors.sdk.stores import SftpAt
from tests.connectors.net.servers import Eye, Speak, drips, is_silent

Knock = Callable[[str, int, Egress], object]

FORBIDDEN = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "①②⑦.⓪.⓪.①",
    "localhost",
    "localhost.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "[::]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "224.0.0.1",
    "metadata.google.internal",
]


def _sql(module: object, system: str) -> Knock:
    def knock(host: str, port: int, policy: Egress) -> object:
        database = Database(system, host, port, "press", "press", "none", "correct-horse-battery")
        return module.read("SELECT 1", {}, 1, database, policy)  # type: ignore[attr-defined]

    return knock


def _sftp(host: str, port: int, policy: Egress) -> object:
    return sftp.OpenSftp(SftpAt(host, port, "press", "", (), password="correct-horse-battery"), policy).list("")


DOORS: dict[str, tuple[object, Knock]] = {
    "postgresql": (postgresql, _sql(postgresql, "postgresql")),
    "mysql": (mysql, _sql(mysql, "mysql")),
    "sftp": (sftp, _sftp),
}
GREETINGS = {"postgresql": b"R\x00", "mysql": b"\xff\xff\xff\x00", "sftp": b"SSH-2.0-x\r\n\x00\x00\x04\x00"}
FLOODS = {"postgresql": b"N" + struct.pack("!i", 2**30), "mysql": b"\xff\xff\xff\x00", "sftp": b"hello\n" * 100}


@pytest.fixture(params=list(DOORS))
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Listener:
    """Speaks to everybody who connects at once, and counts them."""

    def __init__(self, speak: Speak) -> None:
        self.calls = 0
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                self.calls += 1
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with suppress(OSError), connected:
            self._speak(connected)


@pytest.fixture
def canary() -> Iterator[Listener]:
    with closing(Listener(is_silent)) as listener:
        yield listener


def test_nobody_is_reached_whom_nobody_has_listed(door: str, canary: Listener, eye: Eye) -> None:
    _, knock = DOORS[door]
    entries = ("127.0.0.1", f"http://127.0.0.1:{canary.port}", f"private:http://127.0.0.1:{canary.port}")
    for policy in (Egress(), Egress(entries), Egress((f"private:{door}://127.0.0.1:{canary.port + 1}",))):
        with pytest.raises(BadParams, match="not among the hosts"):
            knock("127.0.0.1", canary.port, policy)

    assert (canary.calls, eye.attempts) == (0, [])


def test_no_forbidden_address_is_reached_even_when_it_is_listed(door: str, canary: Listener, eye: Eye) -> None:
    _, knock = DOORS[door]
    for host in FORBIDDEN:
        with pytest.raises((BadParams, Unavailable)):
            knock(host.strip("[]"), canary.port, Egress((f"{door}://{host}:{canary.port}",)))

    assert canary.calls == 0
    assert [attempt for attempt in eye.attempts if attempt[1] == canary.port] == []


def test_one_bad_answer_of_the_name_server_is_enough(
    door: str, canary: Listener, eye: Eye, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, knock = DOORS[door]
    asked = []

    def answers(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(BadParams, match="leads into our own network"):
        knock("db.example", canary.port, Egress((f"{door}://db.example:{canary.port}",)))

    assert (canary.calls, eye.attempts, asked) == (0, [], ["db.example"])


def test_a_name_is_looked_up_once_and_pinned(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, knock = DOORS[door]
    monkeypatch.setattr(module, "LONGEST_S", 1.0)
    asked = []

    def answers(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port))]

    with closing(Listener(lambda connected: None)) as there:
        monkeypatch.setattr(socket, "getaddrinfo", answers)
        with pytest.raises(Unavailable):
            knock("db.example", there.port, Egress((f"private:{door}://db.example:{there.port}",)))

    assert (there.calls, asked) == (1, ["db.example"])


@pytest.mark.django_db(transaction=True)
def test_no_call_leaves_from_inside_a_transaction(door: str, canary: Listener) -> None:
    _, knock = DOORS[door]
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        knock("127.0.0.1", canary.port, Egress((f"private:{door}://127.0.0.1:{canary.port}",)))

    assert canary.calls == 0


def test_one_who_drips_or_floods_or_says_nothing_is_cut(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, knock = DOORS[door]
    monkeypatch.setattr(module, "LONGEST_S", 0.5)
    monkeypatch.setattr(module, "MOST_BYTES", 1_000_000, raising=False)
    speaks = (is_silent, drips(GREETINGS[door], b"\x01"), drips(FLOODS[door], b"x" * 60_000, pause_s=0))
    for speak in speaks:
        with closing(Listener(speak)) as there:
            began = time.monotonic()
            with pytest.raises(StepError):
                knock("127.0.0.1", there.port, Egress((f"private:{door}://127.0.0.1:{there.port}",)))
        assert time.monotonic() - began < 3


def test_why_nobody_answered_is_not_told(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, knock = DOORS[door]
    monkeypatch.setattr(module, "LONGEST_S", 0.5)
    said = set()
    with closing(Listener(is_silent)) as silent, closing(Listener(lambda connected: connected.sendall(b"?"))) as odd:
        with closing(socket.create_server(("127.0.0.1", 0))) as shut:
            closed = shut.getsockname()[1]
        for port in (silent.port, odd.port, closed):
            with pytest.raises(Unavailable) as error:
                knock("127.0.0.1", port, Egress((f"private:{door}://127.0.0.1:{port}",)))
            said.add(str(error.value))

    assert len(said) == 1


# ── servers that ask for what they must not have ─────────────────────────────────────────────────────────────────────


def _mysql_packet(number: int, content: bytes) -> bytes:
    return struct.pack("<i", len(content))[:3] + bytes([number]) + content


def _mysql_greeting(plugin: bytes) -> bytes:
    """Protocol 10 of a server of today without TLS. Source: MySQL's internals manual, Protocol::HandshakeV10."""
    flags = 0x00000200 | 0x00008000 | 0x00080000 | 0x00000008
    low, high = struct.pack("<H", flags & 0xFFFF), struct.pack("<H", flags >> 16)
    salt = b"abcdefgh" + b"\x00" + low + b"\x21\x02\x00" + high + b"\x15" + b"\x00" * 10 + b"ijklmnopqrst\x00"
    return _mysql_packet(0, b"\x0a8.0.0\x00" + struct.pack("<i", 1) + salt + plugin + b"\x00")


def test_a_server_gets_no_password_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    def asks(connected: socket.socket) -> None:
        connected.sendall(_mysql_greeting(b"mysql_native_password"))
        connected.recv(65_536)
        connected.sendall(_mysql_packet(2, b"\xfemysql_clear_password\x00"))
        heard.append(connected.recv(65_536))

    with closing(Listener(asks)) as there, pytest.raises(StepError, match="in clear"):
        DOORS["mysql"][1]("127.0.0.1", there.port, Egress((f"private:mysql://127.0.0.1:{there.port}",)))
    assert all(b"correct-horse" not in each for each in heard)

    def asks_too(connected: socket.socket) -> None:
        connected.recv(65_536)
        connected.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
        heard.append(connected.recv(65_536))

    with closing(Listener(asks_too)) as there, pytest.raises(StepError):
        DOORS["postgresql"][1]("127.0.0.1", there.port, Egress((f"private:postgresql://127.0.0.1:{there.port}",)))
    assert all(b"correct-horse" not in each for each in heard)


def test_a_server_gets_no_file_of_ours() -> None:
    heard: list[bytes] = []

    def asks(connected: socket.socket) -> None:
        connected.sendall(_mysql_greeting(b"mysql_native_password"))
        connected.recv(65_536)
        connected.sendall(_mysql_packet(2, b"\x00\x00\x00\x02\x00\x00\x00"))
        while said := connected.recv(65_536):
            heard.append(said)
            connected.sendall(_mysql_packet(1, b"\xfb/etc/passwd"))

    with closing(Listener(asks)) as there, pytest.raises(StepError):
        DOORS["mysql"][1]("127.0.0.1", there.port, Egress((f"private:mysql://127.0.0.1:{there.port}",)))

    assert heard
    assert all(b"root:" not in each for each in heard)
