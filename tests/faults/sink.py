"""The outside world of the tests: takes effects over HTTP and SMTP, writes each down, and is the oracle for duplicates.

    python -m tests.faults.sink FOLDER ADDRESS        listens on free ports of the address, named in FOLDER/ports.json

| request | does |
|---|---|
| `POST /effects/NAME` | an effect; `Idempotency-Key`, `X-Effect-Key` or `webhook-id` names it, `X-Effect` its class |
| `GET /effects/NAME?key=KEY` | `{"happened": true}`: what a checkable effect asks first |
| `GET /read/NAME` | a read, written down as class pure |
| `PUT /behaviour` | a `Behaviour` as JSON; whoever is held is let go |

A mail is an effect of class unsafe; its key is the header `X-Effect-Key`, its name the recipient.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

LONGEST_HOLD_S = 120
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sink answers.

    `answer`: `now`; `drop` records, then cuts the line; `hold` records, then stays silent until the behaviour changes.
    After `times` requests (0: never) it answers at once again.
    """

    honours_keys: bool = True
    answer: Literal["now", "drop", "hold"] = "now"
    times: int = 0
    status: int = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One request that arrived. `happened`: it had its effect, so it was no repetition of an honoured key."""

    channel: str
    name: str
    effect: str
    key: str
    body_sha256: str
    happened: bool
    at: float


class Book:
    """The SQLite file: appended by the sink, read by the test."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lock = threading.Lock()

    def make(self) -> None:
        self._run(
            "CREATE TABLE IF NOT EXISTS arrived (id INTEGER PRIMARY KEY, channel TEXT, name TEXT, effect TEXT,"
            " key TEXT, body_sha256 TEXT, happened INTEGER, at REAL)"
        )
        self._run("CREATE INDEX IF NOT EXISTS arrived_key ON arrived (key)")

    def write(self, channel: str, name: str, effect: str, key: str, body: bytes, *, honours: bool) -> bool:
        """Whether it had an effect. One writer at a time, so that of two with the same key one is the first."""
        with self.lock:
            happened = not (honours and key and self.has(key))
            self._run(
                "INSERT INTO arrived (channel, name, effect, key, body_sha256, happened, at) VALUES (?,?,?,?,?,?,?)",
                (channel, name, effect, key, hashlib.sha256(body).hexdigest(), happened, time.time()),
            )
        return happened

    def has(self, key: str) -> bool:
        return bool(self._run("SELECT 1 FROM arrived WHERE key = ? AND happened LIMIT 1", (key,)))

    def read(self) -> list[Record]:
        rows = self._run("SELECT channel, name, effect, key, body_sha256, happened, at FROM arrived ORDER BY id")
        return [Record(*row[:5], bool(row[5]), row[6]) for row in rows]

    def clear(self) -> None:
        self._run("DELETE FROM arrived")

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()


@dataclass
class World:
    """What all requests share."""

    book: Book
    behaviour: Behaviour = field(default_factory=Behaviour)
    answered: int = 0
    held: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def behave(self, behaviour: Behaviour) -> None:
        with self.changed:
            self.behaviour, self.answered = behaviour, 0
            self.changed.notify_all()

    def answer(self) -> str:
        """What to do with the request that has just been written down: `now` or `drop`. Returns when it is let go."""
        with self.changed:
            behaviour = self.behaviour
            self.answered += 1
            if behaviour.times and self.answered > behaviour.times:
                return "now"
            if behaviour.answer == "hold":
                self.held += 1
                self.changed.wait_for(lambda: self.behaviour is not behaviour, LONGEST_HOLD_S)
                self.held -= 1
                return "now"
            return behaviour.answer


class Desk(BaseHTTPRequestHandler):
    """One HTTP request."""

    protocol_version = "HTTP/1.1"
    world: World

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = url.path.rpartition("/")[2]
        if url.path.startswith("/effects/"):
            key = parse_qs(url.query).get("key", [""])[0]
            self._say({"happened": self.world.book.has(key)})
        elif url.path.startswith("/read/"):
            self._take("pure", name, honours=False)
        elif url.path == "/state":
            self._say({"held": self.world.held})
        else:
            self._say({}, 404)

    def do_POST(self) -> None:
        self._take(self.headers.get("X-Effect", ""), self.path.rpartition("/")[2])

    def do_PUT(self) -> None:
        self.world.behave(Behaviour(**json.loads(self._body())))
        self._say({})

    def _take(self, effect: str, name: str, *, honours: bool = True) -> None:
        behaviour = self.world.behaviour
        key = self.headers.get("Idempotency-Key", "")
        known = key or self.headers.get("X-Effect-Key", "") or self.headers.get("webhook-id", "")
        honours = honours and behaviour.honours_keys and bool(key)
        happened = self.world.book.write("http", name, effect, known, self._body(), honours=honours)
        if self.world.answer() == "drop":
            self.close_connection = True
            return
        self._say({"happened": happened}, behaviour.status)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(self, what: Mapping[str, Any], status: int = 200) -> None:
        body = json.dumps(what).encode()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the book says it all."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


class Letters:
    """One SMTP message, as aiosmtpd hands it over."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        key = message_from_bytes(envelope.content).get("X-Effect-Key", "")
        for to in envelope.rcpt_tos:
            self.world.book.write("smtp", to, "unsafe", key, envelope.content, honours=False)
        if self.world.behaviour.answer == "drop":
            session.transport.abort()
        return "250 taken"


def serve(folder: Path, address: str) -> None:
    from aiosmtpd.controller import Controller

    world = World(Book(folder / "sink.sqlite"))
    world.book.make()
    server = Server((address, 0), type("OurDesk", (Desk,), {"world": world}))
    post = Controller(Letters(world), hostname=address, port=free_port())
    post.start()
    ports = folder / "ports.json"
    ports.with_suffix(".new").write_text(json.dumps({"http": server.server_port, "smtp": post.port}))
    ports.with_suffix(".new").rename(ports)
    server.serve_forever()


class Sink:
    """The test's hand on the sink: starts it, tells it how to behave, asks what arrived."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.folder, self.address = folder, address
        self.book = Book(folder / "sink.sqlite")

    def start(self) -> Sink:
        """Returns when it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sink", str(self.folder), self.address],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        ports, deadline = self.folder / "ports.json", time.monotonic() + 60
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The effect sink did not start; its words stand above.")
            time.sleep(0.02)
        named = json.loads(ports.read_text())
        self.http_port, self.smtp_port = int(named["http"]), int(named["smtp"])
        return self

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.http_port}"

    @property
    def egress(self) -> str:
        """The line of a department's host list that lets it come here."""
        return f"private:{self.url}"

    def behave(self, **behaviour: Any) -> None:
        """Fields of `Behaviour`; what is not named is as at first. Lets go whoever is held."""
        asked = json.dumps(asdict(Behaviour(**behaviour))).encode()
        urlopen(Request(f"{self.url}/behaviour", asked, method="PUT"), timeout=30).close()

    @property
    def held(self) -> int:
        """Requests that have been written down and wait for their answer."""
        with urlopen(f"{self.url}/state", timeout=30) as answer:
            return int(json.loads(answer.read())["held"])

    def clear(self) -> None:
        """Forget everything and behave as at first."""
        self.behave()
        self.book.clear()

    def arrived(self, *, effect: str = "", name: str = "") -> list[Record]:
        """Every request, in order, repetitions too."""
        return [record for record in self.book.read() if effect in ("", record.effect) and name in ("", record.name)]

    def effects(self, *, effect: str = "", name: str = "") -> Counter[str]:
        """Key → how often its effect happened."""
        return Counter(record.key for record in self.arrived(effect=effect, name=name) if record.happened)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    os.chdir(ROOT)
    serve(Path(sys.argv[1]), sys.argv[2])
