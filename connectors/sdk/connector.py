"""A kind of outside system of which people connect accounts: what they tell about it, and how it is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from connectors.sdk.actions import Model
from connectors.sdk.context import Http
from connectors.sdk.mail import Mail, MailServer
from connectors.sdk.oauth import OAuth
from connectors.sdk.programs import Program
from connectors.sdk.sql import Database, Sql
from connectors.sdk.stores import FolderAt, SftpAt, Store

Sign = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
"""Method, address, headers and body of a request as it leaves → the headers that prove whose it is."""


class Shelf(StrEnum):
    """Under which heading people look for a system that they want to connect, in this order."""

    MESSAGES = "Mail and messages"
    FILES = "Files"
    SYSTEMS = "Databases and other systems"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is added to a request at the moment it is sent, and seen nowhere else.

    `address` is where a request without an address goes, for systems whose address is the secret itself.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    address: str = field(default="", repr=False)
    sign: Sign | None = field(default=None, repr=False)


class Account(Protocol):
    """One connection, opened for a step or a test."""

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def settings(self) -> Any:
        """An instance of the connector's `Settings`."""
        ...

    @property
    def http(self) -> Http:
        """The guarded door, signed in. It goes to the connector's `hosts` and nowhere else (rule S7)."""
        ...

    @property
    def mail(self) -> Mail:
        """The mailbox, where the connector names its `mail_servers`."""
        ...

    @property
    def sql(self) -> Sql:
        """The database, where the connector names one."""
        ...

    @property
    def files(self) -> Store:
        """The place with files, where the connector is one."""
        ...

    @property
    def program(self) -> Program:
        """The program of this server, where the connector names one."""
        ...


class Connector:
    """Declare `name`, `title`, `about`, the models `Settings` (shown) and `Secrets` (texts, never shown again), `test`.

    One that is spoken to over HTTP also says to which `hosts` its credentials may go, and what they are.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    icon: ClassVar[str] = "plug"
    shelf: ClassVar[Shelf] = Shelf.SYSTEMS
    group: ClassVar[str] = ""
    """Under which steps that work with several connectors ask for a connection: `source="connections:files"`."""
    reaches: ClassVar[tuple[str, ...]] = ()
    """Hosts of the one public service that it is made for: they need no place on an administrator's list (rule S2)."""
    signs_people_in: ClassVar[tuple[str, ...]] = ()
    """With which values of its setting `signs_in` (where it has one) its `oauth` sends a person to the service's own
    page: the form says then what to register there."""

    class Settings(Model): ...

    class Secrets(Model): ...

    @classmethod
    def check(cls, settings: Any, secrets: Any) -> dict[str, str]:
        """Problems between the fields that their types cannot tell: field → sentence."""
        return {}

    @classmethod
    def hosts(cls, settings: Any, secrets: Any) -> tuple[str, ...]:
        """Origins (`https://api.example.com`) to which the credentials may be sent."""
        return ()

    @classmethod
    def credentials(cls, settings: Any, secrets: Any) -> Credentials:
        return Credentials()

    @classmethod
    def oauth(cls, settings: Any, secrets: Any) -> OAuth | None:
        """For one that signs in by OAuth 2: its requests carry the token that is valid then, and no `credentials`."""
        return None

    @classmethod
    def program(cls, settings: Any) -> str:
        """Of one that is a program of this server: its name in the administrator's list."""
        return ""

    @classmethod
    def mail_servers(cls, settings: Any, secrets: Any) -> Mapping[str, MailServer]:
        """Of a mailbox: “smtp” and “imap” → where and as whom."""
        return {}

    @classmethod
    def database(cls, settings: Any, secrets: Any) -> Database | None:
        """Of a database: where and as whom."""
        return None

    @classmethod
    def files_at(cls, settings: Any, secrets: Any) -> FolderAt | SftpAt | None:
        """Of a place with files that is not spoken to over HTTP: where it is."""
        return None

    @classmethod
    def files_over(cls, http: Http, settings: Any) -> Store | None:
        """Of a place with files that is: the place, over a door that signs in."""
        return None

    def test(self, account: Account) -> str:
        """Try the account, changing nothing there or only what it says; a sentence for people. Raises a StepError."""
        raise NotImplementedError(f"{self.name} has no test()")
