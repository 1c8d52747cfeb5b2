"""The three refusals of the product: bad input 400, not allowed 403 (404 for another department's), conflict 409."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError

__all__ = ["Conflict", "PermissionDenied", "ValidationError"]


class Conflict(Exception):
    """Somebody or something else was first; the message says who or what, and what to do now."""
