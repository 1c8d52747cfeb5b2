"""Settings for the processes of tests: the same code, leases of seconds, probe steps, and fault points that strike."""

from __future__ import annotations

import os
from pathlib import Path

from config.settings import *  # noqa: F403
from tests.faults import pace, points

STEP_PACKAGES = [*STEP_PACKAGES, "tests.steps"]  # noqa: F405

pace.quicken()
if "FAULTS" in os.environ:
    points.install(os.environ["FAULTS"], Path(os.environ.get("FAULTS_TALLY") or ENV.home / "faults"))  # noqa: F405
