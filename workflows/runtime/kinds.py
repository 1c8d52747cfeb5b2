"""Every step kind: those that are installed, and by name those that are made of manifests. And every trigger kind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.conf import settings

from connectors import made
from connectors.sdk.registry import Registry, discover, discover_triggers
from connectors.sdk.triggers import Trigger


@cache
def kinds() -> Registry:
    return discover(*settings.STEP_PACKAGES, elsewhere=made.kind)


@cache
def triggers() -> Mapping[str, type[Trigger]]:
    """Kind → class, in the order of their titles."""
    return discover_triggers(*settings.TRIGGER_PACKAGES)
