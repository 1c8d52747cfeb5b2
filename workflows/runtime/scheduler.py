"""The process that forgets nothing. It needs only PostgreSQL; any number of it may run.

While the broker is away it does the work itself, a few steps at a time: runs still end, only later.
"""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import Error, connection

from workflows.runtime import limits, queue, sweeping, worker

log = logging.getLogger(__name__)
DIRECT_THREADS = 16


class Scheduler:
    """`run` sweeps until `stop` is set."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.direct = ThreadPoolExecutor(DIRECT_THREADS, thread_name_prefix="direct")
        self.under_way = 0
        self.lock = threading.Lock()

    def run(self) -> None:
        while not self.stop.is_set():
            moved = self.tick()
            # A full batch means there is more: go on at once. Otherwise spread several schedulers over the second.
            pause = 0.0 if moved >= limits.SWEEP_BATCH else limits.TICK_S * random.uniform(0.8, 1.2)
            self.stop.wait(pause)
        self.direct.shutdown(wait=True, cancel_futures=True)

    def tick(self) -> int:
        try:
            return sweeping.sweep(self)
        except Error as error:
            log.warning("scheduler.waits: the database does not answer (%s)", type(error).__name__)
            connection.close()
            return 0

    def tell(self, kind: queue.Kind, id: UUID, priority: int) -> bool:
        return queue.publish(kind, [id], priority) or self.do(kind, id)

    def do(self, kind: queue.Kind, id: UUID) -> bool:
        if not self.places():
            return False
        with self.lock:
            self.under_way += 1
        self.direct.submit(self._look, kind, id)
        return True

    def places(self) -> int:
        return DIRECT_THREADS - self.under_way

    def _look(self, kind: queue.Kind, id: UUID) -> None:
        try:
            worker.look(kind, id)
        except Exception:
            log.exception("direct.failed: %s %s", kind, id)
        finally:
            with self.lock:
                self.under_way -= 1
