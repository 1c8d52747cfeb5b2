"""The engine's clocks in the tests of faults: a tenth of the product's and less, so that a lost lease costs seconds."""

from __future__ import annotations

from datetime import timedelta

from workflows.runtime import limits

LEASE = timedelta(seconds=4)
HEARTBEAT_S = 1.0
FORGOTTEN = timedelta(seconds=2)
TICK_S = 0.3


def quicken() -> None:
    limits.LEASE = LEASE
    limits.HEARTBEAT_S = HEARTBEAT_S
    limits.FORGOTTEN = FORGOTTEN
    limits.TICK_S = TICK_S
