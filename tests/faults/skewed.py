"""Settings for a process under libfaketime: tests.impatient, and a sleep that libfaketime understands."""

from __future__ import annotations

import select
import time

from tests.impatient import *  # noqa: F403


def sleep(seconds: float) -> None:
    """CPython sleeps until a moment of the monotonic clock, from which libfaketime takes its offset all the same."""
    select.select([], [], [], seconds)


time.sleep = sleep
