"""Is the engine making progress? What is overdue, and when a scheduler last went its round (case H10).

Read from the rows themselves, so that every process answers the same and none has to be asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

from audit import sql, wall

ROUND: Final = "scheduler.round"
NOTED_EVERY_S: Final = 15.0
NO_ROUND_S: Final = 60.0
"""Four notes missed: somebody hears of a dead scheduler within two minutes even when asking twice a minute."""
OVERDUE_S: Final = 60.0
IDLE_S: Final = 120.0


class Rounds:
    """Notes, by the database's clock, that the scheduler has come to the end of a round."""

    def __init__(self) -> None:
        self._next = 0.0

    def strike(self) -> int:
        """The last part of a round. Moves nothing."""
        if time.monotonic() >= self._next:
            cache.set(ROUND, _now(), timeout=None)
            self._next = time.monotonic() + NOTED_EVERY_S
        return 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Seconds by which the oldest of each is late; 0 where nothing is. `round_s`: since the last round, None: never."""

    round_s: float | None
    lease_s: float
    sleeper_s: float
    step_s: float
    run_s: float
    is_at_work: bool

    @property
    def overdue_s(self) -> float:
        return max(self.lease_s, self.sleeper_s, self.step_s, self.run_s)

    @property
    def troubles(self) -> list[str]:
        """Sentences for whoever is on call; empty when all is well."""
        return list(self._troubles())

    def _troubles(self) -> Iterator[str]:
        if self.round_s is None:
            yield "No scheduler has gone its round yet. Start one."
        elif self.round_s > NO_ROUND_S:
            yield f"The last round of a scheduler ended {self.round_s:.0f} s ago. Does one run? Has it the database?"
        if (late := max(self.lease_s, self.sleeper_s)) > OVERDUE_S:
            yield f"The oldest wait or lease is overdue by {late:.0f} s. No scheduler looks after it."
        if (late := max(self.step_s, self.run_s)) > IDLE_S and not self.is_at_work:
            yield f"Work waits for {late:.0f} s and nobody does any. Do workers run, and do they reach the broker?"


def progress() -> Progress:
    """Two short queries, each answered by an index."""
    with wall.beyond():
        noted, found = cache.get(ROUND), sql.row(_OVERDUE, [])
    assert found is not None
    now, is_at_work, *late = found
    lease, sleeper, step, run = map(float, late)
    return Progress(None if noted is None else max(0.0, now - noted), lease, sleeper, step, run, is_at_work)


def _now() -> float:
    found = sql.row("SELECT extract(epoch FROM clock_timestamp())::float8", [])
    assert found is not None
    return float(found[0])


# The least of each, by its partial index; what is not due yet is not late.
_OVERDUE = """
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT
    extract(epoch FROM now)::float8,
    EXISTS (SELECT FROM workflows_steprun WHERE status = 'running' AND lease_until >= now),
    greatest(0, extract(epoch FROM now - (SELECT min(lease_until) FROM workflows_steprun WHERE status = 'running'))),
    greatest(0, extract(epoch FROM now - (
        SELECT min(wake_at) FROM workflows_steprun WHERE status = 'waiting' AND wake_at IS NOT NULL))),
    greatest(0, extract(epoch FROM now - (SELECT min(run_after) FROM workflows_steprun WHERE status = 'ready'))),
    greatest(0, extract(epoch FROM now - (
        SELECT min(created_at) FROM workflows_run WHERE status = 'queued' AND held = false)))
FROM clock
"""
