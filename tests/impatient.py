"""Settings for worker and scheduler processes of tests: the same code, leases of seconds, and the probe steps."""

from __future__ import annotations

from datetime import timedelta

from config.settings import *  # noqa: F403
from workflows.runtime import limits

STEP_PACKAGES = [*STEP_PACKAGES, "tests.steps"]  # noqa: F405

limits.LEASE = timedelta(seconds=4)
limits.HEARTBEAT_S = 1.0
limits.FORGOTTEN = timedelta(seconds=2)
limits.TICK_S = 0.3
