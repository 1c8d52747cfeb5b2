"""What people do with connections: connect, change, renew, try, remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic import ValidationError as NotValid

from audit.services import record
from connectors import accounts, made, scrubbing, vault
from connectors.models import Connection, Health
from connectors.oauth import tokens
from connectors.sdk import Connector, StepError
from connectors.sdk.addresses import origin
from departments.access import Actor, Verb, require
from departments.models import Department

MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody has told about an account: `settings` to be shown, `secrets` never again."""

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def connect(department: Department, connector: str, told: Told, *, actor: Actor) -> Connection:
    """A new connection, not tried yet. Raises PermissionDenied, ValidationError (field → sentences)."""
    require(actor, Verb.CONNECT, department)
    kind = known_connector(connector, department)
    if made.is_removed(connector):
        raise ValidationError({"connector": [_("This service was removed: no account of it is connected any more.")]})
    title = _title(told)
    given, secrets = checked(kind, told.settings, told.secrets)
    with transaction.atomic():
        connection = _added(
            Connection(
                department=department,
                connector=connector,
                title=title,
                settings=given,
                secret=vault.keep(secrets, department.pk),
                made_by=actor.label,
            )
        )
        _record("connection.connected", connection, actor, connector=connector)
    return connection


def change(connection: Connection, told: Told, *, actor: Actor) -> None:
    """Other settings; secrets that are not given anew stay as they are, unless the account is another one now.

    Raises PermissionDenied, ValidationError.
    """
    require(actor, Verb.CONNECT, connection.department)
    kind = known_connector(connection.connector, connection.department)
    title = _title(told)
    new = {name: value for name, value in told.secrets.items() if value}
    with transaction.atomic():
        connection = (
            Connection.objects.select_for_update(of=("self",))
            .select_related("secret", "tokens", "department")
            .get(pk=connection.pk)
        )
        before = signs_in(kind, connection.settings, vault.opened(connection.secret))
        given, secrets = checked(kind, told.settings, {**_kept(kind, connection, told, new), **new})
        if new or len(secrets) < len(vault.opened(connection.secret)):
            vault.replace(connection.secret, secrets)
        connection.title, connection.settings = title, given
        connection.health, connection.health_said = Health.UNKNOWN, ""
        connection.save(update_fields=["title", "settings", "health", "health_said"])
        if signs_in(kind, given, secrets) != before:
            tokens.forget(connection)
        _record("connection.changed", connection, actor, renewed=sorted(new))


def _kept(kind: type[Connector], connection: Connection, told: Told, new: Mapping[str, str]) -> Mapping[str, str]:
    """The secrets that stay: all of them while they go where they went before.

    Whoever may change the address could else have the password of a colleague sent to a server of their own.
    """
    before = vault.opened(connection.secret)
    if not before or set(before) <= set(new):
        return {}
    try:
        goes_to = _goes_to(kind, told.settings, {**before, **new})
    except NotValid:
        return before
    if goes_to <= _goes_to(kind, connection.settings, before):
        return before
    asked = {name: [_("Give this again: it was told for another address.")] for name in before if name not in new}
    raise ValidationError(asked)


def _goes_to(kind: type[Connector], settings: Mapping[str, Any], secrets: Mapping[str, str]) -> set[str]:
    """Raises pydantic's error for what cannot be read."""
    given, hidden = kind.Settings.model_validate(dict(settings)), kind.Secrets.model_validate(dict(secrets))
    oauth = kind.oauth(given, hidden)
    return {*kind.hosts(given, hidden), *([origin(oauth.token_address)] if oauth else [])}


def signs_in(kind: type[Connector], settings: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[Any, ...]:
    """What a sign-in by OAuth 2 holds for: with another app, other rights or another address it is over."""
    try:
        given, hidden = kind.Settings.model_validate(dict(settings)), kind.Secrets.model_validate(dict(secrets))
    except NotValid:
        return ()
    return kind.oauth(given, hidden), kind.hosts(given, hidden)


def remove(connection: Connection, *, actor: Actor) -> None:
    """Its secrets are gone for good. Steps that name it fail from now on with a sentence. Raises PermissionDenied."""
    require(actor, Verb.CONNECT, connection.department)
    with transaction.atomic():
        vault.replace(connection.secret, {})
        tokens.forget(connection)
        Connection.objects.filter(pk=connection.pk).update(removed_at=Now(), health=Health.UNKNOWN, health_said="")
        _record("connection.removed", connection, actor)


def try_out(connection: Connection, *, actor: Actor) -> bool:
    """Ask the other side who we are; outside of any transaction. Whether it works; the row says what came of it."""
    require(actor, Verb.CONNECT, connection.department)
    try:
        account = accounts.opened(connection)
        kind = known_connector(connection.connector, connection.department)
        said, health = kind().test(account), Health.WORKS
    except StepError as error:
        said, health = error.message, Health.FAILS
    said = scrubbing.known().text(said)
    Connection.objects.filter(pk=connection.pk).update(health=health, health_said=said, checked_at=Now())
    connection.refresh_from_db(fields=["health", "health_said", "checked_at"])
    return health == Health.WORKS


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def known_connector(name: str, department: Department) -> type[Connector]:
    """Raises ValidationError, for another department's own one like for one that does not exist."""
    kind = accounts.connector(name)
    if kind is None or made.is_foreign(kind, department.pk):
        raise ValidationError({"connector": [_("There is no connector “%(name)s”.") % {"name": name}]})
    return kind


def checked(
    kind: type[Connector], given: Mapping[str, Any], secrets: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings as they are kept, and the secrets that are none of them empty. Raises ValidationError."""
    problems: dict[str, list[str]] = {}
    settings = _validated(kind.Settings, given, problems)
    hidden = _validated(kind.Secrets, secrets, problems)
    if settings is not None and hidden is not None:
        problems |= {name: [sentence] for name, sentence in kind.check(settings, hidden).items()}
    if problems or settings is None or hidden is None:
        raise ValidationError(problems)
    return settings.model_dump(mode="json"), {name: value for name, value in hidden.model_dump().items() if value}


def _validated(model: type[BaseModel], given: Mapping[str, Any], problems: dict[str, list[str]]) -> BaseModel | None:
    try:
        return model.model_validate(dict(given))
    except NotValid as error:
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            problems.setdefault(".".join(map(str, each["loc"])), []).append(each["msg"])
        return None


def _title(told: Told) -> str:
    title = " ".join(told.title.split())
    if not title:
        raise ValidationError({"title": [_("Give it a name, for example “Press mailbox”.")]})
    if len(title) > 120:
        raise ValidationError({"title": [_("At most 120 characters.")]})
    return title


def _added(connection: Connection) -> Connection:
    """Under a slug that is free, also of those removed: a workflow that names one of these must not get another."""
    wanted = slugify(connection.title)[:50].strip("-") or connection.connector
    for number in range(1, MOST_TRIES):
        connection.slug = wanted if number == 1 else f"{wanted}-{number}"
        try:
            with transaction.atomic():
                connection.save(force_insert=True)
            return connection
        except IntegrityError:
            continue
    raise ValidationError({"title": [_("There are too many connections of this name. Choose another one.")]})


def in_use(department: Department) -> QuerySet[Connection]:
    """The connections of a department that are not removed."""
    return Connection.objects.filter(department=department, removed_at=None)


def _record(verb: str, connection: Connection, actor: Actor, **detail: Any) -> None:
    record(verb, actor=actor, department=connection.department.slug, thing=connection, **detail)
