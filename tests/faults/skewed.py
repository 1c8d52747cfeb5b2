"""Settings for a process under libfaketime: tests.impatient, and a sleep that libfaketime understands."""

from __future__ import annotations

import select
import time
from datetime import timedelta

from tests.impatient import *  # noqa: F403
from workflows.runtime import limits

LEASE = timedelta(seconds=10)
"""A busy machine may hold a process up for the four seconds of the other tests; here no lease may be lost at all."""
limits.LEASE = LEASE


def sleep(seconds: float) -> None:
    """CPython sleeps until a moment of the monotonic clock, from which libfaketime takes its offset all the same."""
    select.select([], [], [], seconds)


time.sleep = sleep
