"""What tests of connectors share."""

from __future__ import annotations

from tests.scripted_provider import scripted_provider

__all__ = ["scripted_provider"]
