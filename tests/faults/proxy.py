"""A proxy between Celery and its broker: it loses, copies, delays and reorders messages, and plays a broken network.

A message is what kombu pushes onto a queue's list (LPUSH). There it is still one thing, sender and receiver both
believe what the broker answers, and nothing else of their talk is touched. RabbitMQ's protocol passes through as
bytes: for it only the network can be broken.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config.celery import QUEUES

PRIORITY_MARK = b"\x06\x16"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Dose:
    """What befalls messages: the share that is lost, copies of each other one, seconds by which a copy may be late."""

    lost: float = 0.0
    copies: int = 1
    late_s: float = 0.0
    """Every copy is late by a random time from 0 to this, which also mixes their order."""


@dataclass
class Counts:
    """What the proxy did: messages sent by Celery, of these lost, and copies that reached the broker."""

    sent: int = 0
    lost: int = 0
    delivered: int = 0


@dataclass(eq=False)
class Link:
    """One connection of a client, and the one to the broker behind it."""

    writer: asyncio.StreamWriter
    broker: asyncio.StreamWriter | None = None
    is_forgotten: bool = False

    def reset(self) -> None:
        """Both sides see their connection broken off at once, with nothing sent in parting."""
        for each in (self.writer, self.broker):
            if each is not None:
                with suppress(OSError):
                    each.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                each.transport.abort()


@dataclass
class Proxy:
    """Give its `url` to Celery. Set `dose` at any time; the network is broken by the methods and healed by `heal`."""

    broker_url: str
    seed: int = 0
    dose: Dose = Dose()
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._courier: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker-proxy", daemon=True)
        self._thread.start()
        self.port = 0
        self._do(self._listen())

    @property
    def url(self) -> str:
        """The broker's address by way of this proxy."""
        parts = urlsplit(self.broker_url)
        if parts.scheme == "redis+socket":
            return f"redis://127.0.0.1:{self.port}/0"
        sign_in, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{sign_in}{at}127.0.0.1:{self.port}"))

    def black_hole(self) -> None:
        """Connections are accepted and stay open; nothing comes through, until `heal` lets it flow on."""
        self._do(self._stop_flow())

    def refuse(self) -> None:
        """Every connection is broken off and new ones are refused."""
        self._do(self._close_door())

    def cut(self) -> None:
        """Every connection is reset; new ones find the broker."""
        self._do(self._reset_all())

    def forget(self) -> None:
        """As a firewall that lost its table: today's connections stay open and dead for ever, new ones work."""
        self._do(self._forget_all())

    def lead_to(self, broker_url: str) -> None:
        """From now on the address is another broker's, as after a fail-over; it must speak the same language."""
        self.broker_url = broker_url
        self.cut()

    def heal(self) -> None:
        self._do(self._open_door())

    def stop(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(deed, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_flow(self) -> None:
        self._flows.clear()

    async def _close_door(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset_all()

    async def _reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _forget_all(self) -> None:
        for link in self._links:
            link.is_forgotten = True

    async def _open_door(self) -> None:
        self._flows.set()
        if self._server is None:
            await self._listen()

    async def _end(self) -> None:
        await self._close_door()
        self._flows.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._courier is not None:
            self._courier.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link, task = Link(writer), asyncio.current_task()
        assert task is not None
        self._links.add(link)
        self._tasks.add(task)
        try:
            await self._flows.wait()
            answers, link.broker = await self._reach_broker()
            speaks_redis = self.broker_url.startswith("redis")
            there = self._pass_commands if speaks_redis else self._pass_bytes
            await _until_one_ends(there(link, reader, link.broker), self._pass_bytes(link, answers, writer))
            if link.is_forgotten:
                await asyncio.Event().wait()
        except (OSError, asyncio.CancelledError):
            pass  # the broker is away, or we end: the client finds its connection closed
        finally:
            link.reset()
            self._links.discard(link)
            self._tasks.discard(task)

    async def _reach_broker(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.broker_url)
        if parts.scheme == "redis+socket":
            return await asyncio.open_unix_connection(parts.path)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def _pass_bytes(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._pass_on(link, writer, data)

    async def _pass_commands(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await read_command(reader):
            # In a black hole a message has not been sent yet: nothing is drawn or counted for it.
            await self._flows.wait()
            await self._pass_on(link, writer, written(self._treated(command)))

    async def _pass_on(self, link: Link, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._flows.wait()
        if not link.is_forgotten:
            writer.write(data)
            await writer.drain()

    def _treated(self, command: list[bytes]) -> list[bytes]:
        """The command that goes to the broker in place of this one; its answer has the same form."""
        if command[0].upper() != b"LPUSH" or not is_queue(command[1]):
            return command
        key, now = command[1], [copy for message in command[2:] for copy in self._copies(command[1], message)]
        return [b"LPUSH", key, *now] if now else [b"LLEN", key]

    def _copies(self, key: bytes, message: bytes) -> Iterator[bytes]:
        """The copies to be delivered at once; the late ones are put on their way."""
        self.counts.sent += 1
        if self._random.random() < self.dose.lost:
            self.counts.lost += 1
            return
        for _ in range(self.dose.copies):
            if self.dose.late_s:
                self._loop.call_later(self._random.uniform(0, self.dose.late_s), self._send_late, key, message)
            else:
                self.counts.delivered += 1
                yield message

    def _send_late(self, key: bytes, message: bytes) -> None:
        task = self._loop.create_task(self._deliver(written([b"LPUSH", key, message])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, command: bytes) -> None:
        await self._flows.wait()
        with suppress(OSError):  # it finds the broker away: one more lost message
            if self._courier is None or self._courier.is_closing():
                _, self._courier = await self._reach_broker()
            self._courier.write(command)
            await self._courier.drain()
            self.counts.delivered += 1


async def _until_one_ends(*deeds: Coroutine[Any, Any, None]) -> None:
    tasks = {asyncio.ensure_future(deed) for deed in deeds}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_command(reader: asyncio.StreamReader) -> list[bytes]:
    """The next command of a Redis client (an array of strings); empty at the end of the talk."""
    try:
        count = int((await reader.readuntil(b"\r\n"))[1:])
        return [await _read_string(reader) for _ in range(count)]
    except (asyncio.IncompleteReadError, OSError):
        return []


async def _read_string(reader: asyncio.StreamReader) -> bytes:
    length = int((await reader.readuntil(b"\r\n"))[1:])
    return (await reader.readexactly(length + 2))[:-2]


def written(command: list[bytes]) -> bytes:
    """A command as it goes over the wire (RESP 2, "Sending commands to a Redis server")."""
    strings = (b"$%d\r\n%s\r\n" % (len(string), string) for string in command)
    return b"*%d\r\n%s" % (len(command), b"".join(strings))


def is_queue(key: bytes) -> bool:
    return key.partition(PRIORITY_MARK)[0].decode(errors="replace") in QUEUES


@contextmanager
def proxied(broker_url: str, seed: int = 0, dose: Dose = Dose()) -> Iterator[Proxy]:
    proxy = Proxy(broker_url, seed, dose)
    try:
        yield proxy
    finally:
        proxy.stop()
