"""What starts a workflow by itself: a trigger kind is one class that says when something has happened, and what. Pure.

There are four ways to hear of something. A `Clock` knows the next time. A `Watch` is looked at now and then. A `Told`
is called from outside. A `Within` happens in Tandem itself. The last two only say what they deliver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from connectors.sdk.actions import Model
from connectors.sdk.connector import Account
from connectors.sdk.context import Documents, Files, Http


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened. `key` is the same whenever the same thing is told again: it starts one run.

    `data` is what the run may use; `title` is what people would call it.
    """

    key: str
    data: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look has found, the oldest first, and what is to be remembered for the next one.

    `more`: there was more than one look takes; the next one comes at once. `said` is for people who wonder why
    something was passed over.
    """

    events: Sequence[Event]
    state: Mapping[str, Any]
    more: bool = False
    said: str = ""


class Outlook(Protocol):
    """All that a look may touch. What would change something outside is refused."""

    @property
    def now(self) -> datetime: ...
    @property
    def http(self) -> Http: ...
    @property
    def files(self) -> Files: ...
    @property
    def documents(self) -> Documents: ...
    def account(self, connection: str) -> Account: ...


class Trigger:
    """Declare `kind`, `title`, `about`, `icon`, `reads_as` (its sentence, settings in braces), `Settings` and `Gives`.

    `Gives` are the fields of its events, for people who choose which input gets what.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    reads_as: ClassVar[str]
    icon: ClassVar[str] = "bolt"

    class Settings(Model): ...

    class Gives(Model): ...

    @classmethod
    def check(cls, settings: Any) -> dict[str, str]:
        """Problems between the settings that their types cannot tell: setting → sentence."""
        return {}

    @classmethod
    def gives(cls, name: str) -> bool:
        """Whether its events hold what an input of this name takes when nobody says what it gets."""
        fields = cls.Gives.model_fields.items()
        return cls.Gives.model_config.get("extra") == "allow" or name in {one.alias or held for held, one in fields}

    @classmethod
    def fits(cls, settings: Any, needed: Mapping[str, str]) -> dict[str, str]:
        """Problems with what the workflow needs (name of an input → its type), where settings keep it from coming."""
        return {}

    @classmethod
    def said(cls, settings: Any) -> str:
        """The trigger in a sentence, for people."""
        return cls.reads_as.format_map(settings.model_dump())

    @classmethod
    def place(cls, settings: Any) -> str:
        """Where it looks. When that is changed, what was remembered counts no more."""
        return str(settings.model_dump_json())


class Clock(Trigger):
    """Happens at times that are known beforehand."""

    def next_after(self, settings: Any, moment: datetime) -> datetime | None:
        """The first time after this one; None when there is none any more."""
        raise NotImplementedError

    def times(self, settings: Any, first: datetime | None) -> Iterator[datetime]:
        """The first time and all after it."""
        while first is not None:
            yield first
            first = self.next_after(settings, first)

    def event(self, settings: Any, at: datetime) -> Event:
        raise NotImplementedError


class Watch(Trigger):
    """Looks whether something new is there. The first look only remembers what is there already."""

    every: ClassVar[timedelta] = timedelta(minutes=5)

    def look(self, settings: Any, outlook: Outlook, state: Mapping[str, Any]) -> Looked:
        """`state` is empty the first time. Raises a `StepError`; then it is tried again later, and people are told."""
        raise NotImplementedError


class Told(Trigger):
    """Is called from outside, at an address of its own: that of the route `at`. `signs`: it has a secret as well."""

    at: ClassVar[str] = "hook"
    signs: ClassVar[bool] = True


class Within(Trigger):
    """Happens in Tandem itself."""


def hashed(*parts: str) -> str:
    """A short key for what may be long, or may hold anything."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
