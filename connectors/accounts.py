"""Connections, opened: what a step, or a test, gets to speak with an outside system as somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from pydantic import ValidationError

from connectors import made, net, vault
from connectors.databases import OpenDatabase
from connectors.folders import OpenFolder
from connectors.mailboxes import Mailbox
from connectors.models import Connection
from connectors.net.egress import Egress
from connectors.net.programs import OpenProgram
from connectors.oauth.door import TokenDoor
from connectors.sdk import Account, AuthFailed, Connector
from connectors.sdk.context import Http
from connectors.sdk.mail import Mail
from connectors.sdk.programs import Program
from connectors.sdk.registry import discover_connectors
from connectors.sdk.sql import Sql
from connectors.sdk.stores import FolderAt, SftpAt, Store


class Through(Protocol):
    """What stands between a step and what it speaks through, and writes its calls down."""

    def http(self, door: Http) -> Http: ...
    def mail(self, box: Mailbox) -> Mail: ...
    def sql(self, database: OpenDatabase) -> Sql: ...
    def files(self, store: Store) -> Store: ...
    def program(self, program: OpenProgram) -> Program: ...


class Directly:
    """Nothing does."""

    def http(self, door: Http) -> Http:
        return door

    def mail(self, box: Mailbox) -> Mail:
        return box

    def sql(self, database: OpenDatabase) -> Sql:
        return database

    def files(self, store: Store) -> Store:
        return store

    def program(self, program: OpenProgram) -> Program:
        return program


@cache
def connectors() -> Mapping[str, type[Connector]]:
    """Every connector that is installed, by name, in the order of their titles."""
    return discover_connectors(*settings.STEP_PACKAGES)


def connector(name: str) -> type[Connector] | None:
    """One that is installed, or made of a manifest."""
    return named({name}).get(name)


def named(names: set[str]) -> Mapping[str, type[Connector]]:
    """Those of these names that there are. At most one query, none where all are installed."""
    installed = {name: kind for name, kind in connectors().items() if name in names}
    rest = names - set(installed) - {""}
    return {**installed, **(made.connectors(rest) if rest else {})}


DIRECTLY = Directly()


def of_source(name: str) -> list[str]:
    """The connectors that `source="connections:NAME"` means: that one, and all of that group."""
    return [name, *(each.name for each in connectors().values() if each.group == name)]


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """`connectors.sdk.Account`."""

    title: str
    settings: Any
    http: Http
    mail: Mail
    sql: Sql
    program: Program
    store: Store | None = None

    @property
    def files(self) -> Store:
        if self.store is None:
            raise AuthFailed(f"“{self.title}” keeps no files. Choose another connection.")
        return self.store


def opened(connection: Connection, through: Through = DIRECTLY) -> Account:
    """Open it. Raises AuthFailed when the connector is gone, or its settings or its secret cannot be read."""
    connector, given, secrets = told(connection)
    policy = policy_of(connection, connector)
    box = Mailbox(connector.mail_servers(given, secrets), policy)
    door = _door(connection, connector, (given, secrets), policy)
    http = through.http(door)
    return OpenAccount(
        connection.title,
        given,
        http=http,
        mail=through.mail(box),
        sql=through.sql(OpenDatabase(connector.database(given, secrets), policy)),
        program=through.program(OpenProgram(connector.program(given), policy)),
        # What goes over HTTP is written down there.
        store=connector.files_over(http, given) or _store(connector.files_at(given, secrets), policy, through),
    )


def told(connection: Connection) -> tuple[type[Connector], Any, Any]:
    """Its connector, and what people have told: instances of its `Settings` and its `Secrets`. Raises AuthFailed."""
    kind = connector(connection.connector)
    if kind is None:
        raise AuthFailed(f"Nothing here knows connections of the kind {connection.connector} any more.")
    try:
        given = kind.Settings.model_validate(connection.settings)
        secrets = kind.Secrets.model_validate(vault.opened(connection.secret))
    except (ValidationError, vault.CannotOpen):
        raise AuthFailed(f"The connection “{connection.title}” cannot be read. Renew it under Connections.") from None
    return kind, given, secrets


def policy_of(connection: Connection, kind: type[Connector]) -> Egress:
    """Where it may go: where its department may, and where everybody knows the connector to go."""
    return net.for_department([*connection.department.egress_hosts, *kind.reaches])


def _store(place: FolderAt | SftpAt | None, policy: Egress, through: Through) -> Store | None:
    if isinstance(place, SftpAt):
        # A large library that few processes ever need.
        from connectors.net.sftp import OpenSftp

        return through.files(OpenSftp(place, policy))
    return through.files(OpenFolder(place, policy)) if place else None


def _door(connection: Connection, kind: type[Connector], said: tuple[Any, Any], policy: Egress) -> Http:
    origins, oauth = kind.hosts(*said), kind.oauth(*said)
    if oauth is not None:
        return TokenDoor(connection.pk, oauth, policy, origins)
    return net.Door(policy, net.Bound(origins, kind.credentials(*said)))
