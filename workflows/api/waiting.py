"""Waiting for a run inside a request: bounded in time, in number, and without a database connection."""

from __future__ import annotations

import time
from threading import BoundedSemaphore

from audit.sql import release
from workflows.models import Run

MOST_AT_ONCE = 8
"""Per process, of the sixteen threads that answer requests: waiting must not keep others from being answered."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5

_places = BoundedSemaphore(MOST_AT_ONCE)


def wait_for(run: Run, seconds: float) -> bool:
    """Return when the run is over or waits for a person, at the latest after `seconds`.

    False at once when too many wait here already.
    """
    if not take_place():
        return False
    try:
        _wait(run, time.monotonic() + seconds)
    finally:
        give_back()
    return True


def take_place() -> bool:
    """Whether there is one left for somebody who holds a thread for a while."""
    return _places.acquire(blocking=False)


def give_back() -> None:
    _places.release()


def _wait(run: Run, deadline: float) -> None:
    pause = FIRST_PAUSE_S
    while not run.status_is_settled and (left := deadline - time.monotonic()) > 0:
        release()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
        run.refresh_from_db(fields=["status"])
