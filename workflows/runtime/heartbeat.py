"""A worker's sign of life for every step it holds: one thread, its own connection, one statement for all.

The heart stops for a step past its time limit: a heart that beats over a dead step hides it (rule E15).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import Error, connection

from audit import sql
from workflows.runtime import limits
from workflows.runtime.faults import fault_point

log = logging.getLogger(__name__)


@dataclass
class Beat:
    """One claim that is being kept alive. `is_lost` once the database no longer knows it."""

    step_run_id: UUID
    token: UUID
    until: float
    give_up: Callable[[], None]
    is_lost: bool = False
    renewed_at: float = field(default_factory=time.monotonic)

    def holds(self) -> bool:
        """Whether the claim is surely still ours: a process that was stopped for a while wakes with an old renewal."""
        return not self.is_lost and time.monotonic() - self.renewed_at < limits.LEASE.total_seconds()


@dataclass
class Heart:
    """The claims of this process and the thread that renews them."""

    beats: dict[UUID, Beat] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None

    def add(self, beat: Beat) -> None:
        with self.lock:
            self.beats[beat.token] = beat
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
                self.thread.start()

    def let_go(self) -> int:
        """This process is about to end: others may have its steps at once. Gives how many."""
        with self.lock:
            beats = list(self.beats)
            self.beats.clear()
        return sql.changed(_HAND_BACK, [beats]) if beats else 0

    def drop(self, beat: Beat) -> None:
        with self.lock:
            self.beats.pop(beat.token, None)

    def _live(self) -> None:
        next_renewal = time.monotonic() + limits.HEARTBEAT_S
        while True:
            time.sleep(min(1.0, limits.HEARTBEAT_S / 3))
            self._end_overdue()
            if time.monotonic() >= next_renewal:
                next_renewal = time.monotonic() + limits.HEARTBEAT_S
                self._renew()

    def _end_overdue(self) -> None:
        with self.lock:
            overdue = [beat for beat in self.beats.values() if beat.until <= time.monotonic()]
            for beat in overdue:
                beat.is_lost = True
                del self.beats[beat.token]
        for beat in overdue:
            log.warning("step.overdue: step %s is past its time limit", beat.step_run_id)
            threading.Thread(target=beat.give_up, name="overdue", daemon=True).start()

    def _renew(self) -> None:
        fault_point("heartbeat_dies_step_lives")
        with self.lock:
            beats = dict(self.beats)
        if not beats:
            return
        asked_at = time.monotonic()
        try:
            kept = renew(list(beats))
        except Error:
            # The next beat tries again; three missed ones cost the lease, which is what it is for.
            log.warning("heartbeat.missed: the database does not answer")
            connection.close()
            return
        for token, beat in beats.items():
            beat.is_lost = beat.is_lost or token not in kept
            beat.renewed_at = beat.renewed_at if beat.is_lost else asked_at


# Not to be held against the step: its worker was asked to end. What may have been sent keeps its lease: it may yet end.
_HAND_BACK = """
UPDATE workflows_steprun SET lease_until = clock_timestamp(), claims = greatest(claims - 1, 0)
WHERE claim_token = ANY(%s) AND status = 'running' AND intent_at IS NULL
"""


def renew(tokens: list[UUID]) -> set[UUID]:
    """Lengthen the leases of these claims; gives those that still hold."""
    return {row[0] for row in sql.rows(_RENEW, [limits.LEASE.total_seconds(), tokens])}


_RENEW = """
UPDATE workflows_steprun SET lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE claim_token = ANY(%s) AND status = 'running' RETURNING claim_token
"""


HEART = Heart()


@contextmanager
def beating(step_run_id: UUID, token: UUID, limit_s: float, give_up: Callable[[], None]) -> Iterator[Beat]:
    """Keep the claim alive while the block runs, for `limit_s` seconds at most; then `give_up` is called elsewhere."""
    beat = Beat(step_run_id, token, time.monotonic() + limit_s, give_up)
    HEART.add(beat)
    try:
        yield beat
    finally:
        HEART.drop(beat)
