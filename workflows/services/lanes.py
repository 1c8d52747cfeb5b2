"""Work that waits for other systems, each piece in a thread of its own, so that one that hangs holds nobody up."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import connection

from audit import sql
from workflows.runtime import limits

log = logging.getLogger(__name__)


class Lanes:
    """A part of the scheduler's sweep, with so much at once in all and of one department.

    `due` gives ids and departments, `take` the lease of one (None when somebody else has it), `work` does it.
    """

    def __init__(
        self,
        name: str,
        due: Callable[[], sql.Rows],
        take: Callable[[UUID], datetime | None],
        work: Callable[[UUID, datetime], object],
    ) -> None:
        self.name = name
        self.due, self.take, self.work = due, take, work
        self.lock = threading.Lock()
        self.under_way: Counter[UUID] = Counter()

    def strike(self) -> int:
        """Begin what is due, as far as there is room. Gives 0: nothing is moved yet."""
        for id, department_id in self.due():
            if self._has_room(department_id) and (lease := self.take(id)):
                self._begin(id, department_id, lease)
        return 0

    def _begin(self, id: UUID, department_id: UUID, lease: datetime) -> None:
        with self.lock:
            self.under_way[department_id] += 1
        # A daemon: a scheduler that is stopped waits for no other server, and the lease lapses.
        thread = threading.Thread(target=self._work, args=(id, department_id, lease), name=self.name, daemon=True)
        thread.start()

    def _work(self, id: UUID, department_id: UUID, lease: datetime) -> None:
        try:
            self.work(id, lease)
        except Exception:
            # The database is away, say. The lease lapses, and somebody does it again.
            log.exception("%s.failed: %s", self.name, id)
        finally:
            connection.close()
            with self.lock:
                self.under_way[department_id] -= 1

    def _has_room(self, department_id: UUID) -> bool:
        with self.lock:
            own = self.under_way[department_id]
            return own < limits.LOOKS_OF_ONE_DEPARTMENT and self.under_way.total() < limits.LOOKS_AT_ONCE
