"""The three refusals of the product: bad input 400, not allowed 403 (404 for another department's), conflict 409."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError

__all__ = ["Conflict", "NotKept", "PermissionDenied", "ValidationError"]


class NotKept(ValidationError):
    """A file that is too large (413), or for which there is no room left (507)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Conflict(Exception):
    """Somebody or something else was first; the message says who or what, and what to do now."""
