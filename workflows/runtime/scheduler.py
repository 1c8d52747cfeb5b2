"""The process that forgets nothing. It needs only PostgreSQL; any number of it may run.

While the broker is away it does the work itself, a few steps at a time: runs still end, only later.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import Error, connection

from departments import allowances, notices, sessions
from workflows.runtime import limits, queue, sweeping, worker

log = logging.getLogger(__name__)
DIRECT_THREADS = 32
LOOK_ROUND_S = 60.0
MAIL_REST_S = 2.0
ENDS_WITHIN_S = 3.0


class Scheduler:
    """`run` sweeps until `stop` is set; `more` are parts of the sweep that live on a higher floor.

    `beside` are loops with a thread of their own, because they wait for others; each ends soon after it is told to.
    """

    def __init__(self, *more: Callable[[], int], beside: Sequence[Callable[[threading.Event], None]] = ()) -> None:
        self.more = more
        self.stop = threading.Event()
        self.direct = ThreadPoolExecutor(DIRECT_THREADS, thread_name_prefix="direct")
        self.under_way = 0
        self.was_full = False
        self.next_look_round = 0.0
        self.freed = threading.Event()
        self.lock = threading.Lock()
        # Their own threads: a mail server that hangs must not hold the sweep up. What one does not end, another does.
        self.mail = threading.Thread(target=self._send_notices, name="mail", daemon=True)
        others = [threading.Thread(target=loop, args=[self.stop], daemon=True) for loop in beside]
        self.threads = [self.mail, *others]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        while not self.stop.is_set():
            self.was_full = False
            moved = self.tick()
            # A full batch means there is more: go on at once. Otherwise spread several schedulers over the second.
            pause = 0.0 if moved >= limits.SWEEP_BATCH else limits.TICK_S * random.uniform(0.8, 1.2)
            self._rest(pause)
        self.direct.shutdown(wait=True, cancel_futures=True)
        ends_at = time.monotonic() + ENDS_WITHIN_S
        for thread in self.threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _send_notices(self) -> None:
        while not self.stop.is_set():
            sent = notices.send_due()
            self.stop.wait(0 if sent >= notices.BATCH else MAIL_REST_S)

    def _rest(self, seconds: float) -> None:
        """Until the next tick is due; where there was more to do than places, until one of them is free."""
        if self.was_full and seconds:
            self.freed.wait(seconds)
        elif seconds:
            self.stop.wait(seconds)
        self.freed.clear()

    def tick(self) -> int:
        try:
            if time.monotonic() >= self.next_look_round:
                self.next_look_round = time.monotonic() + LOOK_ROUND_S
                sweeping.name_strangers()
                allowances.forget()
                sessions.sweep()
            return sweeping.sweep(self, *self.more)
        except Error as error:
            log.warning("scheduler.waits: the database does not answer (%s)", type(error).__name__)
            connection.close()
            return 0

    def tell(self, kind: queue.Kind, id: UUID, priority: int) -> bool:
        return queue.publish(kind, [id], priority) or self.do(kind, id)

    def do(self, kind: queue.Kind, id: UUID) -> bool:
        if not self.places():
            self.was_full = True
            return False
        with self.lock:
            self.under_way += 1
        self.direct.submit(self._look, kind, id)
        return True

    def places(self) -> int:
        free = DIRECT_THREADS - self.under_way
        self.was_full = self.was_full or not free
        return free

    def _look(self, kind: queue.Kind, id: UUID) -> None:
        try:
            worker.look(kind, id)
        except Exception:
            log.exception("direct.failed: %s %s", kind, id)
        finally:
            with self.lock:
                self.under_way -= 1
            self.freed.set()
