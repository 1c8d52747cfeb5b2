"""The doors to other systems as a step gets them: what goes through is written down, and an effect announced first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from audit.sql import release
from connectors.databases import OpenDatabase
from connectors.mailboxes import Mailbox
from connectors.net.programs import OpenProgram
from connectors.sdk import Effect, Response
from connectors.sdk.context import Http
from connectors.sdk.mail import Arrived, Letter, Sought, Standing
from connectors.sdk.programs import Talk
from connectors.sdk.sql import Rows, Upsert
from connectors.sdk.stores import Listing, Store

Fence = Callable[[Effect], None]
"""Raises LostAuthority unless this attempt may still reach outside with such an effect."""
Call = dict[str, Any]


def unfenced(effect: Effect) -> None:
    """For steps that reach nothing outside."""


@dataclass(frozen=True, slots=True)
class StepLines:
    """`connectors.accounts.Through` for one attempt of a step."""

    calls: list[Call]
    fence: Fence
    effect: Effect

    def http(self, door: Http) -> StepHttp:
        return StepHttp(door, self)

    def mail(self, box: Mailbox) -> StepMail:
        return StepMail(box, self)

    def sql(self, database: OpenDatabase) -> StepSql:
        return StepSql(database, self)

    def files(self, store: Store) -> StepStore:
        return StepStore(store, self)

    def program(self, program: OpenProgram) -> StepProgram:
        return StepProgram(program, self)

    @contextmanager
    def call(self, effect: Effect, **about: Any) -> Iterator[Call]:
        """One exchange; an effect that may happen once is announced before it."""
        self.fence(effect)
        release()
        began = time.monotonic()
        self.calls.append(call := about)
        try:
            yield call
        finally:
            call["latency_s"] = round(time.monotonic() - began, 3)


@dataclass(frozen=True, slots=True)
class StepHttp:
    """`connectors.sdk.Http`."""

    door: Http
    lines: StepLines

    def send(self, method: str, url: str, **request: Any) -> Response:
        effect = Effect.PURE if method in ("GET", "HEAD", "PROPFIND") else self.lines.effect
        with self.lines.call(effect, kind="http", method=method, url=url) as call:
            response = self.door.send(method, url, **request)
            call |= {"status": response.status, "bytes": len(response.body)}
            return response


@dataclass(frozen=True, slots=True)
class StepMail:
    """`connectors.sdk.mail.Mail`."""

    box: Mailbox
    lines: StepLines

    def send(self, letter: Letter) -> Sequence[str]:
        with self.lines.call(self.lines.effect, kind="mail", method="send", to=[*letter.to, *letter.cc]) as call:
            refused = self.box.send(letter)
            call["refused"] = list(refused)
            return refused

    def greet(self) -> None:
        with self.lines.call(Effect.PURE, kind="mail", method="greet"):
            self.box.greet()

    def keys(self, sought: Sought) -> Sequence[str]:
        with self.lines.call(Effect.PURE, kind="mail", method="keys", folder=sought.folder) as call:
            found = self.box.keys(sought)
            call["mails"] = len(found)
            return found

    def fetch(self, sought: Sought) -> Sequence[Arrived]:
        with self.lines.call(Effect.PURE, kind="mail", method="fetch", folder=sought.folder) as call:
            found = self.box.fetch(sought)
            call["mails"] = len(found)
            return found

    def standing(self, folder: str) -> Standing:
        with self.lines.call(Effect.PURE, kind="mail", method="standing", folder=folder):
            return self.box.standing(folder)

    def mark_read(self, folder: str, uids: Sequence[int]) -> None:
        with self.lines.call(self.lines.effect, kind="mail", method="mark_read", folder=folder, mails=len(uids)):
            self.box.mark_read(folder, uids)

    def folders(self) -> Sequence[str]:
        with self.lines.call(Effect.PURE, kind="mail", method="folders"):
            return self.box.folders()


@dataclass(frozen=True, slots=True)
class StepSql:
    """`connectors.sdk.sql.Sql`. The statement is written down; its values are not."""

    database: OpenDatabase
    lines: StepLines

    def read(self, query: str, values: Mapping[str, Any], most: int) -> Rows:
        with self.lines.call(Effect.PURE, kind="sql", method="read", statement=query) as call:
            found = self.database.read(query, values, most)
            call["rows"] = len(found.rows)
            return found

    def write(self, statement: str, values: Mapping[str, Any]) -> int:
        with self.lines.call(self.lines.effect, kind="sql", method="write", statement=statement) as call:
            call["rows"] = touched = self.database.write(statement, values)
            return touched

    def upsert(self, wanted: Upsert) -> None:
        about = {"table": wanted.table, "rows": len(wanted.rows)}
        with self.lines.call(self.lines.effect, kind="sql", method="upsert", **about):
            self.database.upsert(wanted)


@dataclass(frozen=True, slots=True)
class StepStore:
    """`connectors.sdk.stores.Store`."""

    store: Store
    lines: StepLines

    def list(self, folder: str) -> Listing:
        with self.lines.call(Effect.PURE, kind="files", method="list", path=folder) as call:
            found = self.store.list(folder)
            call["files"] = len(found.items)
            return found

    def read(self, path: str) -> bytes:
        with self.lines.call(Effect.PURE, kind="files", method="read", path=path) as call:
            content = self.store.read(path)
            call["bytes"] = len(content)
            return content

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        with self.lines.call(self.lines.effect, kind="files", method="write", path=path, bytes=len(content)):
            self.store.write(path, content, over=over)

    def move(self, path: str, to: str) -> None:
        with self.lines.call(self.lines.effect, kind="files", method="move", path=path, to=to):
            self.store.move(path, to)

    def remove(self, path: str) -> None:
        with self.lines.call(self.lines.effect, kind="files", method="remove", path=path):
            self.store.remove(path)


@dataclass(frozen=True, slots=True)
class StepProgram:
    """`connectors.sdk.programs.Program`."""

    program: OpenProgram
    lines: StepLines

    @contextmanager
    def started(self) -> Iterator[StepTalk]:
        with self.program.started() as talk:
            yield StepTalk(self.program.name, talk, self.lines)


@dataclass(frozen=True, slots=True)
class StepTalk:
    """`connectors.sdk.programs.Talk`."""

    name: str
    talk: Talk
    lines: StepLines

    def say(self, message: Mapping[str, Any], until: int | None) -> Sequence[Mapping[str, Any]]:
        with self.lines.call(self.lines.effect, kind="program", method=str(message.get("method")), program=self.name):
            return self.talk.say(message, until)
