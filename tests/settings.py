"""The product's settings over a home of their own, made for the test session and removed after it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

IS_XDIST_WORKER = "PYTEST_XDIST_WORKER" in os.environ

# What npm gave is kept where `up` keeps it: fetching it anew for each session would cost a minute.
os.environ.setdefault(
    "TANDEM_TEST_FRONT_END", str(Path(os.environ.get("TANDEM_HOME") or "var").resolve() / "front-end")
)

if IS_XDIST_WORKER:
    HOME = Path(os.environ["TANDEM_HOME"]) / os.environ["PYTEST_XDIST_WORKER"]
else:
    HOME = Path(tempfile.mkdtemp(prefix="tandem-test-"))
os.environ["TANDEM_HOME"] = str(HOME)

from config.settings import *  # noqa: E402, F403

FRONT_END_DIR = Path(os.environ["TANDEM_TEST_FRONT_END"])
STATICFILES_DIRS = [BASE_DIR / "static", FRONT_END_DIR]  # noqa: F405

MIDDLEWARE = ["tests.content_policy.Middleware", *MIDDLEWARE]  # noqa: F405

if ENV.embeds_database:  # noqa: F405
    DATABASES["default"]["TEST"] = {"TEMPLATE": "tandem"}  # noqa: F405  tests/clusters.py has migrated it

STEP_PACKAGES = [*STEP_PACKAGES, "tests.steps"]  # noqa: F405

# The product's own names carry digests that only `collectstatic` knows.
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405  whitenoise warns of a folder that is not there

# With a database that the environment names, too; what needs it switches it on.
ADMIN_NEEDS_SECOND_FACTOR = False
