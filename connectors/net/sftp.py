"""Files on other servers over SFTP, spoken by asyncssh over a line of ours to a server whose key is known."""

from __future__ import annotations

import asyncio
import posixpath
import secrets
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import asyncssh
from asyncssh import SFTPAttrs, SFTPClient

from connectors.net import lines, ssh
from connectors.net.egress import Egress
from connectors.net.sockets import Deadline
from connectors.sdk import BadParams, Rejected
from connectors.sdk.stores import (
    MOST_BYTES,
    Gathered,
    Listing,
    SftpAt,
    clean,
    is_there,
    not_there,
    too_large,
)

LONGEST_S = 90.0
MOST_LOOKED_AT = 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenSftp:
    """`connectors.sdk.stores.Store`. Each call is a line of its own, cut at the deadline."""

    told: SftpAt
    policy: Egress

    def list(self, folder: str) -> Listing:
        gathered = Gathered(clean(folder))

        async def listed(there: _There) -> Listing:
            looked_at = 0
            async for entry in there.sftp.scandir(await there.folder(gathered.folder)):
                looked_at += 1
                if looked_at > MOST_LOOKED_AT or gathered.more:
                    gathered.more = True
                    break
                _note(_as_bytes(entry.filename), entry.attrs, gathered)
            return gathered.listing()

        return self._done(listed)

    def read(self, path: str) -> bytes:
        return self._done(lambda there: there.read(path))

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        self._done(lambda there: there.write(path, content, over=over))

    def move(self, path: str, to: str) -> None:
        self._done(lambda there: there.move(path, to), maybe_done=True)

    def remove(self, path: str) -> None:
        self._done(lambda there: there.remove(path))

    def _done(self, does: Callable[[_There], Awaitable[T]], *, maybe_done: bool = False) -> T:
        deadline = Deadline.after(LONGEST_S)
        place = lines.place("sftp", self.told.host, self.told.port)
        guest = ssh.Guest(self.told.keys)
        with (
            ssh.said(self.told, guest, maybe_done=maybe_done),
            lines.line("sftp", place.host, place.port, policy=self.policy, deadline=deadline) as raw,
            # Of its own, because a loop may run in ours, as under an ASGI server.
            ThreadPoolExecutor(1, "sftp") as thread,
        ):
            return thread.submit(asyncio.run, self._spoken(raw, guest, deadline, does)).result()

    async def _spoken(
        self, raw: socket.socket, guest: ssh.Guest, deadline: Deadline, does: Callable[[_There], Awaitable[T]]
    ) -> T:
        raw.setblocking(False)
        async with (
            asyncio.timeout(deadline.left()),
            asyncssh.connect(
                self.told.host, sock=raw, client_factory=lambda: guest, **ssh.told(self.told)
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            guest.is_in = True
            root = await sftp.realpath(self.told.folder.encode() or b".")
            return await does(_There(sftp, root))


@dataclass(frozen=True, slots=True)
class _There:
    """The connection's folder on the server. Paths go as bytes: names there need not be UTF-8."""

    sftp: SFTPClient
    root: bytes

    async def folder(self, folder: str) -> bytes:
        """Where it really is, if it is no way out by a link. Raises BadParams."""
        path = posixpath.join(self.root, folder.encode()) if folder else self.root
        real = await self.sftp.realpath(path)
        if real != self.root and not real.startswith(self.root.rstrip(b"/") + b"/"):
            problem = f"“{folder}” leads out of the folder of the connection."
            raise BadParams(problem, fields={"path": problem})
        return real

    async def place(self, path: str, *, make: bool = False) -> bytes:
        """Of a file. Raises BadParams."""
        path = clean(path)
        if not path:
            raise BadParams("Name the file.", fields={"path": "Name the file."})
        folder, _, name = path.rpartition("/")
        if make and folder:
            await self.sftp.makedirs(posixpath.join(self.root, folder.encode()), exist_ok=True)
        return posixpath.join(await self.folder(folder), name.encode())

    async def what(self, place: bytes) -> SFTPAttrs | None:
        """What lies there itself, not what a link points to."""
        try:
            return await self.sftp.lstat(place)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None

    async def demand_file(self, path: str, place: bytes) -> SFTPAttrs:
        about = await self.what(place)
        if about is None or about.type != asyncssh.FILEXFER_TYPE_REGULAR:
            problem = f"“{clean(path)}” is no file." if about else not_there(clean(path))
            raise BadParams(problem, fields={"path": problem})
        return about

    async def read(self, path: str) -> bytes:
        place = await self.place(path)
        about = await self.demand_file(path, place)
        if (about.size or 0) > MOST_BYTES:
            raise Rejected(too_large(clean(path), about.size or 0))
        async with self.sftp.open(place, "rb", encoding=None) as file:
            content = _as_bytes(await file.read(MOST_BYTES + 1))
        if len(content) > MOST_BYTES:
            raise Rejected(too_large(clean(path), len(content)))
        return content

    async def write(self, path: str, content: bytes, *, over: bool) -> None:
        place = await self.place(path, make=True)
        if not over and await self.what(place) is not None:
            return await self.demand_same(path, content)
        unfinished = posixpath.join(posixpath.dirname(place), f".tandem-{secrets.token_hex(8)}".encode())
        try:
            async with self.sftp.open(unfinished, "xb", encoding=None) as file:
                await file.write(content)
            await self._name(unfinished, place, over=over)
        except BaseException:
            with suppress(asyncssh.Error, OSError):
                await self.sftp.remove(unfinished)
            raise
        return None

    async def _name(self, unfinished: bytes, place: bytes, *, over: bool) -> None:
        """A plain rename refuses where something lies; not every server knows the other one."""
        if not over:
            await self.sftp.rename(unfinished, place)
            return
        try:
            await self.sftp.posix_rename(unfinished, place)
        except asyncssh.SFTPOpUnsupported:
            if await self.what(place) is not None:
                await self.sftp.remove(place)
            await self.sftp.rename(unfinished, place)

    async def demand_same(self, path: str, content: bytes) -> None:
        about = await self.what(await self.place(path))
        if about is None or about.type != asyncssh.FILEXFER_TYPE_REGULAR or await self.read(path) != content:
            raise Rejected(is_there(clean(path)))

    async def move(self, path: str, to: str) -> None:
        place = await self.place(path)
        await self.demand_file(path, place)
        target = await self.place(to, make=True)
        if await self.what(target) is not None:
            raise Rejected(is_there(clean(to)))
        await self.sftp.rename(place, target)

    async def remove(self, path: str) -> None:
        place = await self.place(path)
        about = await self.what(place)
        if about is None:
            return
        if about.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
            raise BadParams(f"“{clean(path)}” is a folder.", fields={"path": "A folder."})
        await self.sftp.remove(place)


def _note(name: bytes, about: SFTPAttrs, gathered: Gathered) -> None:
    """Links, pipes and the like are passed over."""
    text = name.decode("utf-8", "surrogateescape")
    if text in (".", "..") or text.startswith(".tandem-"):
        return
    if about.type == asyncssh.FILEXFER_TYPE_REGULAR:
        changed = about.mtime
        gathered.file(text, about.size or 0, datetime.fromtimestamp(changed, UTC) if changed else None)
    elif about.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
        gathered.subfolder(text)


def _as_bytes(given: bytes | str) -> bytes:
    """The library's types allow both; it gives bytes for bytes."""
    return given if isinstance(given, bytes) else given.encode()
