"""The tokens of a connection: kept sealed, and renewed by one while the others wait.

Many servers take a refresh token once and end the sign-in of whoever offers it twice, so no two may renew at a time. No
lock is held while the server is asked (rule D14): whoever renews holds a lease on the row, written with its end.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.sql import release
from connectors import vault
from connectors.models import Connection
from connectors.net.egress import Egress
from connectors.oauth import endpoint
from connectors.oauth.endpoint import Tokens
from connectors.sdk import AuthFailed, Unavailable
from connectors.sdk.oauth import OAuth

LEASE = timedelta(seconds=endpoint.TIMEOUT_S + 20)
PATIENCE_S = LEASE.total_seconds() + 5
LOOK_EVERY_S = 0.2
AHEAD_S = 60
NOBODY_YET = "Nobody has signed in there yet. Open the connection, and sign in."


def fresh(pk: UUID, oauth: OAuth, policy: Egress, *, instead_of: str = "") -> str:
    """An access token that is valid as far as one knows; `instead_of` is one that the other side has refused.

    Raises AuthFailed when somebody has to sign in, BadParams, Unavailable. Outside of any transaction.
    """
    give_up = time.monotonic() + PATIENCE_S
    while True:
        connection = _found(pk)
        held = _held(connection)
        if held.access not in ("", instead_of) and not _is_due(connection):
            return held.access
        if oauth.by_a_person and not held.refresh:
            raise AuthFailed(endpoint.SIGN_IN_AGAIN if held.access else NOBODY_YET)
        if lease := _lease(connection):
            return _renewed(connection, oauth, policy, held, lease)
        if time.monotonic() > give_up:
            raise Unavailable(f"Another step renews the sign-in of “{connection.title}” and does not end. Try again.")
        release()
        time.sleep(LOOK_EVERY_S)


def keep(connection: Connection, given: Tokens, *, lease: datetime | None = None) -> bool:
    """In place of those before; whether they were kept. With `lease`: only while it still counts.

    What was given for other settings than those of now may be for another server.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update(of=("self",)).select_related("tokens").get(pk=connection.pk)
        if row.removed_at is not None or row.settings != connection.settings:
            return False
        if lease is not None and row.renewing_until != lease:
            return False
        values = {"access": given.access, "refresh": given.refresh}
        if row.tokens is None:
            row.tokens = vault.keep(values, row.department_id)
        else:
            vault.replace(row.tokens, values)
        row.tokens_due_at = _due(given.lives_s)
        row.renewing_until = None
        row.save(update_fields=["tokens", "tokens_due_at", "renewing_until"])
    return True


def forget(connection: Connection) -> None:
    """Somebody has to sign in again. Inside the caller's transaction, which holds the row."""
    if connection.tokens is not None:
        vault.replace(connection.tokens, {})
    connection.tokens_due_at = connection.renewing_until = None
    connection.save(update_fields=["tokens_due_at", "renewing_until"])


def held(connection: Connection) -> bool:
    """Whether somebody has signed in. Does not ask the other side."""
    return bool(_held(connection).access)


def _found(pk: UUID) -> Connection:
    connection = Connection.objects.select_related("tokens").filter(pk=pk, removed_at=None).first()
    if connection is None:
        raise AuthFailed("The connection was removed. Choose another one in this step, and publish.")
    return connection


def _held(connection: Connection) -> Tokens:
    try:
        values = vault.opened(connection.tokens) if connection.tokens is not None else {}
    except vault.CannotOpen:
        values = {}
    return Tokens(values.get("access", ""), values.get("refresh", ""))


def _renewed(connection: Connection, oauth: OAuth, policy: Egress, held: Tokens, lease: datetime) -> str:
    release()
    try:
        if oauth.by_a_person:
            given = endpoint.by_refresh(oauth, held.refresh, policy)
        else:
            given = endpoint.by_client(oauth, policy)
    except BaseException:
        _let_go(connection, lease)
        raise
    # A server that does not turn its refresh tokens over says nothing about them (RFC 6749 §6).
    given = Tokens(given.access, given.refresh or held.refresh, given.lives_s)
    keep(connection, given, lease=lease)
    return given.access


def _lease(connection: Connection) -> datetime | None:
    """Until when this caller alone may renew; None while somebody else may."""
    now = timezone.now()
    free = Q(renewing_until=None) | Q(renewing_until__lt=now)
    rows = Connection.objects.filter(free, pk=connection.pk)
    # Who has read the tokens before another one renewed them must read them again.
    rows = rows.filter(tokens__version=connection.tokens.version) if connection.tokens else rows.filter(tokens=None)
    until = now + LEASE
    return until if rows.update(renewing_until=until) else None


def _let_go(connection: Connection, lease: datetime) -> None:
    Connection.objects.filter(pk=connection.pk, renewing_until=lease).update(renewing_until=None)


def _is_due(connection: Connection) -> bool:
    return connection.tokens_due_at is not None and connection.tokens_due_at <= timezone.now()


def _due(lives_s: int | None) -> datetime | None:
    """A minute before it ends; of what lives for minutes only, the last tenth."""
    if lives_s is None:
        return None
    return timezone.now() + timedelta(seconds=lives_s - min(AHEAD_S, lives_s / 10))
