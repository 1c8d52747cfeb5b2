"""The engine's clocks in the tests of faults: a tenth of the product's and less, so that a lost lease costs seconds."""

from __future__ import annotations

import os
from datetime import timedelta

from workflows.runtime import limits

LEASE = timedelta(seconds=6)
HEARTBEAT_S = 1.0
FORGOTTEN = timedelta(seconds=2)
TICK_S = 0.3
LOOK_LEASE = timedelta(seconds=4)
DELIVERY_LEASE = timedelta(seconds=4)


def quicken() -> None:
    limits.LEASE = LEASE
    limits.HEARTBEAT_S = HEARTBEAT_S
    limits.FORGOTTEN = FORGOTTEN
    limits.TICK_S = TICK_S
    limits.LOOK_LEASE = LOOK_LEASE
    limits.DELIVERY_LEASE = DELIVERY_LEASE


def rounds(small: int = 1) -> range:
    """How often a kill is repeated: `small` times in the ordinary tests, FAULT_N times as often in a full run."""
    return range(max(1, round(small * float(os.environ.get("FAULT_N", "1")))))
