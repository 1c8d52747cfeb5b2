"""What happens in a run, told as it happens: server-sent events (WHATWG HTML §9.2).

A stream holds one of the threads that answer requests. So it takes one of the few places of those who wait
(`waiting`), a token has at most OF_ONE_TOKEN of them, and each stream ends after a minute; whoever listens comes back
with `Last-Event-ID`, as browsers and libraries do by themselves, and misses nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Final
from uuid import UUID

import orjson
from rest_framework.exceptions import APIException

from audit import sql
from workflows.api import answers, waiting
from workflows.models import JournalEntry, RunStatus

CONTENT_TYPE: Final = "text/event-stream"
OF_ONE_TOKEN: Final = 3
LASTS_S: Final = 55.0
HEARTBEAT_S: Final = 10.0
"""Longer than a proxy is silent about, and how long a listener that has gone may hold its place."""
PAUSE_S: Final = 0.5
BATCH: Final = 200
COME_BACK_MS: Final = 1_000

_lock = Lock()
_held: Counter[UUID] = Counter()


class NoPlace(APIException):
    status_code = 429
    default_detail = "Too many listen already. End a stream that you no longer need, or ask for the run now and then."
    wait = 5.0


class Stream:
    """The lines of one stream. Closing it gives its place back, once; so does forgetting it."""

    def __init__(self, run_id: UUID, token_id: UUID, after: int) -> None:
        """`after`: the number of the last entry of the journal that is known. Raises NoPlace."""
        self.run_id, self.token_id, self.seen = run_id, token_id, after
        self.status = ""
        self.has_place = _take(token_id)
        if not self.has_place:
            raise NoPlace

    def __iter__(self) -> Iterator[bytes]:
        yield f"retry: {COME_BACK_MS}\n\n".encode()
        ends, heard = time.monotonic() + LASTS_S, time.monotonic()
        while self.has_place and time.monotonic() < ends:
            told = list(self._news())
            yield from told
            if RunStatus(self.status or "queued").is_over or not self.has_place:
                return
            if told:
                heard = time.monotonic()
            elif time.monotonic() - heard >= HEARTBEAT_S:
                heard = time.monotonic()
                yield b": still here\n\n"
            sql.release()
            time.sleep(PAUSE_S)

    def close(self) -> None:
        if self.has_place:
            self.has_place = False
            _give_back(self.token_id)

    __del__ = close

    def _news(self) -> Iterator[bytes]:
        """What is new in the journal, then the run where its status has changed."""
        found = sql.row(_NOW, [self.token_id, self.run_id])
        if found is None:  # the token was revoked, or has expired
            self.close()
            return
        status, seq = found
        while self.seen < seq and (rows := self._entries()):
            for row in rows:
                self.seen = row.seq
                yield _lines(row.event, answers.Event.of(row).model_dump_json().encode(), row.seq)
        if status != self.status:
            self.status = status
            over = "run.ended" if RunStatus(status).is_over else "run"
            yield _lines(over, orjson.dumps({"id": str(self.run_id), "status": status}))

    def _entries(self) -> list[JournalEntry]:
        rows = JournalEntry.objects.filter(run_id=self.run_id, seq__gt=self.seen)
        return list(rows.order_by("seq")[:BATCH])


def _take(token_id: UUID) -> bool:
    with _lock:
        if _held[token_id] >= OF_ONE_TOKEN or not waiting.take_place():
            return False
        _held[token_id] += 1
    return True


def _give_back(token_id: UUID) -> None:
    with _lock:
        _held[token_id] -= 1
        if not _held[token_id]:
            del _held[token_id]
    waiting.give_back()


def _lines(event: str, data: bytes, id: int | None = None) -> bytes:
    """JSON has no line end of its own, so it is one line."""
    head = f"event: {event}\n" + (f"id: {id}\n" if id is not None else "")
    return head.encode() + b"data: " + data + b"\n\n"


# The token is looked at each time: one that is revoked hears nothing more from then on.
_NOW = """
SELECT run.status, run.seq FROM workflows_run AS run JOIN departments_apitoken AS token ON token.id = %s
    AND token.revoked_at IS NULL AND token.expires_at > clock_timestamp()
WHERE run.id = %s
"""
