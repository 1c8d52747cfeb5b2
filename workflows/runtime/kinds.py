"""Every step kind: those that are installed, and by name those that are made of manifests."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from connectors import made
from connectors.sdk.registry import Registry, discover


@cache
def kinds() -> Registry:
    return discover(*settings.STEP_PACKAGES, elsewhere=made.kind)
