"""Every step kind that is installed."""

from __future__ import annotations

from functools import cache

from connectors.sdk.registry import Registry, discover


@cache
def kinds() -> Registry:
    return discover("workflows.steps", "connectors.catalog")
