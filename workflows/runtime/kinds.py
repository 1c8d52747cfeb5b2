"""Every step kind that is installed."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from connectors.sdk.registry import Registry, discover


@cache
def kinds() -> Registry:
    return discover(*settings.STEP_PACKAGES)
