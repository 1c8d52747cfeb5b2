"""The product's settings and one more step kind; everything else is as a customer has it."""

from __future__ import annotations

import os

from config.settings import *  # noqa: F403

STEP_PACKAGES = [*STEP_PACKAGES, "bench.steps"]  # noqa: F405

if os.environ.get("BENCH_WITHOUT_LEDGER"):
    INSTALLED_APPS = [*INSTALLED_APPS, "bench.without_ledger.WithoutLedger"]  # noqa: F405
