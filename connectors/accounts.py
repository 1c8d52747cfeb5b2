"""Connections, opened: what a step, or a test, gets to speak with an outside system as somebody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from connectors import net, vault
from connectors.models import Connection
from connectors.sdk import Account, AuthFailed, Connector
from connectors.sdk.context import Http
from connectors.sdk.registry import discover_connectors

Through = Callable[[net.Door], Http]


@cache
def connectors() -> Mapping[str, type[Connector]]:
    """Every connector that is installed, by name, in the order of their titles."""
    return discover_connectors(*settings.STEP_PACKAGES)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """`connectors.sdk.Account`."""

    title: str
    settings: Any
    http: Http


def opened(connection: Connection, through: Through = lambda door: door) -> Account:
    """Open it. `through` puts something between a step and the door: what writes its calls down.

    Raises AuthFailed when the connector is gone, or its settings or its secret cannot be read.
    """
    connector = connectors().get(connection.connector)
    if connector is None:
        raise AuthFailed(f"Nothing here knows connections of the kind {connection.connector} any more.")
    try:
        given = connector.Settings.model_validate(connection.settings)
        secrets = connector.Secrets.model_validate(vault.opened(connection.secret))
    except (ValidationError, vault.CannotOpen):
        raise AuthFailed(f"The connection “{connection.title}” cannot be read. Renew it under Connections.") from None
    bound = net.Bound(connector.hosts(given), connector.credentials(given, secrets))
    policy = net.for_department(connection.department.egress_hosts)
    return OpenAccount(connection.title, given, through(net.Door(policy, bound)))
