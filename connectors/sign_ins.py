"""A person signs in for a connection of their department, at the service's own page (OAuth 2)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from audit.services import record
from connectors import accounts, connections
from connectors.models import Connection
from connectors.oauth import consent, tokens
from connectors.oauth.consent import Journey
from connectors.sdk import AuthFailed, OAuth
from departments.access import Actor, Verb, require


def asks_a_person(connection: Connection) -> OAuth | None:
    """How one signs in, where somebody has to. None also for what cannot be read."""
    try:
        oauth = _oauth(connection)
    except AuthFailed:
        return None
    return oauth if oauth is not None and oauth.by_a_person else None


def begin(connection: Connection, redirect: str, *, actor: Actor) -> Journey:
    """Where to send the person. Raises PermissionDenied, AuthFailed when nobody can sign in to this one."""
    require(actor, Verb.CONNECT, connection.department)
    return consent.begin(_by_a_person(connection), redirect)


def finish(connection: Connection, query: Mapping[str, str], verifier: str, redirect: str, *, actor: Actor) -> bool:
    """The person is back, with `query`. Whether the account works now; the row says what came of it.

    Outside of any transaction. Raises PermissionDenied, and what asking for the tokens raises: AuthFailed, BadParams,
    Unavailable, RateLimited.
    """
    require(actor, Verb.CONNECT, connection.department)
    oauth = _by_a_person(connection)
    policy = accounts.policy_of(connection, accounts.told(connection)[0])
    given = consent.finish(oauth, query, verifier, redirect, policy)
    with transaction.atomic():
        if not tokens.keep(connection, given):
            raise AuthFailed("The connection was changed or removed meanwhile. Look at it, and sign in again.")
        record(
            "connection.signed_in",
            actor=actor,
            department=connection.department.slug,
            thing=connection,
            lasts=bool(given.refresh),
        )
    return connections.try_out(connection, actor=actor)


def _by_a_person(connection: Connection) -> OAuth:
    oauth = _oauth(connection)
    if oauth is None or not oauth.by_a_person:
        raise AuthFailed("Nobody signs in to this connection. Change how it signs in first.")
    return oauth


def _oauth(connection: Connection) -> OAuth | None:
    connector, given, secrets = accounts.told(connection)
    return connector.oauth(given, secrets)
