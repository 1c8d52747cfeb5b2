"""The product's settings and one more step kind; everything else is as a customer has it."""

from __future__ import annotations

from config.settings import *  # noqa: F403

STEP_PACKAGES = [*STEP_PACKAGES, "bench.steps"]  # noqa: F405
