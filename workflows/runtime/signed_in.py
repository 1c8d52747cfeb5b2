"""The connections of a department, as its steps and triggers use them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from audit.sql import release
from connectors import accounts
from connectors.models import Connection, Health
from connectors.sdk import Account, AuthFailed

NOTED_EVERY = timedelta(minutes=1)


def account(department_id: UUID, slug: str, through: accounts.Through, advice: str) -> Account:
    """Raises AuthFailed when the department has no such connection that can be used."""
    rows = Connection.objects.select_related("secret", "department").filter(department=department_id, slug=slug)
    connection = rows.first()
    if connection is None or connection.removed_at is not None:
        was = "was removed" if connection is not None else "does not exist"
        raise AuthFailed(f"The connection “{slug}” {was}. {advice}")
    _note_use(connection)
    release()
    return accounts.opened(connection, through)


def _note_use(connection: Connection) -> None:
    """At most once a minute: a loop over ten thousand items must not write as many rows."""
    long_ago = Q(last_used_at=None) | Q(last_used_at__lt=Now() - NOTED_EVERY)
    Connection.objects.filter(long_ago, pk=connection.pk).update(last_used_at=Now())


def note_refused(department_id: UUID, slug: str, message: str) -> None:
    """Shown under Connections until somebody has renewed or tried it."""
    Connection.objects.filter(department=department_id, slug=slug).update(
        health=Health.FAILS, health_said=message, checked_at=Now()
    )
