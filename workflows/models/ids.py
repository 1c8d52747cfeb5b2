"""Ids are made by the server, as UUIDs of version 7 (rule E7)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func


def made_here(name: str) -> models.CheckConstraint:
    """A database constraint that refuses an id of another kind: one that a client chose, or nothing at all.

    The version is the upper half of the seventh byte (RFC 9562); looking at the byte is cheaper
    than looking at the text.
    """
    version_7 = Func(
        F("id"),
        template="get_byte(uuid_send(%(expressions)s), 6) >> 4 = 7",
        output_field=models.BooleanField(),
    )
    return models.CheckConstraint(condition=version_7, name=name)
