"""Which model answers: the one a step names, those of a route, or the usual one; and how each is reached."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit import sql
from connectors import vault
from connectors.models import AiModel, Provider
from connectors.models_gateway import breaker
from connectors.models_gateway.request import Clocks, Prices, SchemaSupport, Way
from connectors.sdk import AuthFailed, BadParams, Rejected, StepError, Unavailable
from connectors.sdk.errors import NotNow

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
REFUSED_KEY_RESTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Ways:
    """The models to be tried, in this order, and those that cannot be asked now: name → why."""

    open: tuple[Way, ...]
    closed: Mapping[str, StepError]


def choose(name: str = "", department_id: UUID | None = None) -> Way:
    """The first way to the model or route of this name, or to the usual model. Raises as `ways` does."""
    return ways(name, department_id).open[0]


def ways(name: str = "", department_id: UUID | None = None) -> Ways:
    """The ways to the model of this name, of the models of that route, or to the usual model.

    `department_id`: only what this department may use; None for the server itself. Gives the database connection back
    before it returns, so that none is held while the model answers.
    Raises BadParams (no such model), Rejected (none set up, or not for this department), AuthFailed (no key, or one
    refused lately), Unavailable.
    """
    try:
        found = _rows(name, department_id)
        if not found:
            raise _nothing_called(name)
        return _sorted(found)
    finally:
        sql.release()


def _sorted(found: Sequence[_Row]) -> Ways:
    ways, closed = [], {}
    for row in found:
        try:
            ways.append(_way(row))
        except StepError as error:
            closed[str(row.model)] = error
    if not ways:
        waits = [error for error in closed.values() if isinstance(error, NotNow)]
        raise next(iter(waits or closed.values()))
    return Ways(tuple(ways), closed)


def _way(row: _Row) -> Way:
    model, provider = row.model, row.model.provider
    if not row.is_allowed:
        raise _not_allowed(model)
    if row.rests_s:
        raise breaker.refused(f'The model "{model}" ({provider})', row.rests_s)
    return Way(
        provider=provider.name,
        model=model.name,
        base_url=_address(provider),
        key=_key(provider),
        context_tokens=model.context_tokens,
        clocks=Clocks(model.connect_s, model.first_byte_s, model.idle_s, model.total_s),
        prices=prices_of(model),
        schema_support=SchemaSupport(model.schema_support),
        thinking_tokens=model.thinking_tokens,
        effort=model.effort,
        model_id=model.pk,
        provider_id=provider.pk,
        provider_url=provider.base_url,
        probes=row.rests_s is not None,
        answered_as=model.answered_as,
    )


def provider_of(name: str, department_id: UUID | None = None) -> str:
    """Whose model would be asked first, whether it can be asked now or not; nothing for a name that nobody knows."""
    try:
        found = _rows(name, department_id)
    finally:
        sql.release()
    return next((row.model.provider.name for row in found if row.is_allowed), "")


def prices_of(model: AiModel) -> Prices:
    """In US dollars."""
    rate, cached = model.usd_per_unit, model.price_cached
    return Prices(model.price_in * rate, model.price_out * rate, None if cached is None else cached * rate)


def remember_name(way: Way, name: str) -> None:
    """What the model calls itself, from now on."""
    try:
        AiModel.objects.filter(pk__in=[way.model_id]).update(answered_as=name[:200], answered_as_since=timezone.now())
    finally:
        sql.release()


def remember_refused_key(way: Way) -> None:
    """Let this key rest: after one refusal every other call with it would only be refused as well (case M16)."""
    try:
        Provider.objects.filter(name=way.provider).update(refused_key=_fingerprint(way.key), refused_at=timezone.now())
    finally:
        sql.release()


@dataclass(frozen=True, slots=True)
class _Row:
    """`rests_s`: how long the model is left alone still; 0 when it may be probed, None when it is well."""

    model: AiModel
    is_allowed: bool
    rests_s: float | None


def _rows(name: str, department_id: UUID | None) -> list[_Row]:
    """At every call, so by prepared statements: one for the usual model, or for one named; two for a route."""
    everything, department = department_id is None, [department_id]
    if not name:
        return _read(_USUAL, [everything, *department])
    named = _read(_NAMED, [everything, *department, name, name, name])
    return named or _read(_STOPS, [everything, *department, name])


def _read(statement: str, values: list[Any]) -> list[_Row]:
    return [_row_of(found) for found in sql.rows(statement, values)]


def _row_of(found: tuple[Any, ...]) -> _Row:
    model = AiModel.from_db("default", _MODEL, found[: len(_MODEL)])
    model.provider = Provider.from_db("default", _PROVIDER, found[len(_MODEL) : -2])
    is_allowed, rests_s = found[-2:]
    return _Row(model, is_allowed, None if rests_s is None else float(rests_s))


def _not_allowed(model: AiModel) -> Rejected:
    return Rejected(
        f'This department may not use the model "{model}" ({model.provider}). Choose another model in this step, or '
        "ask an administrator to allow it.",
        code="model_not_allowed",
    )


def _nothing_called(name: str) -> BadParams | Rejected:
    if not name:
        return Rejected("No AI model is set up. An administrator must add a provider and a model.", code="no_model")
    sentence = f'No AI model called "{name}" is in use. Choose another, or leave the field empty for the usual one.'
    return BadParams(sentence, fields={"model": sentence})


def _address(provider: Provider) -> str:
    if not provider.is_practice:
        return provider.base_url or OPENAI_URL
    # The port of the practice model may change from start to start: the setting knows it, the row does not.
    address = getattr(settings, "PRACTICE_MODEL_URL", "") or provider.base_url
    if not address:
        raise Unavailable("The practice model is not running. Start Tandem with `python3 manage.py up`.")
    return address


def _key(provider: Provider) -> str:
    key = _sealed_key(provider) if provider.secret_id else os.environ.get(provider.key_variable, "")
    if not key and not provider.key_variable:
        return NO_KEY
    if not key:
        raise AuthFailed(f"There is no key for {provider.name}: the variable {provider.key_variable} is empty.")
    if _rests(provider, key):
        raise AuthFailed(f"{provider.name} did not accept our key a short while ago. An administrator must change it.")
    return key


def _sealed_key(provider: Provider) -> str:
    assert provider.secret is not None
    try:
        return vault.opened(provider.secret)["key"]
    except vault.CannotOpen:
        raise AuthFailed(
            f"The key for {provider.name} cannot be opened. An administrator must enter it again."
        ) from None


def _rests(provider: Provider, key: str) -> bool:
    if provider.refused_at is None or provider.refused_key != _fingerprint(key):
        return False
    return timezone.now() - provider.refused_at < REFUSED_KEY_RESTS


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_MODEL = tuple(field.attname for field in AiModel._meta.concrete_fields)
_PROVIDER = tuple(field.attname for field in Provider._meta.concrete_fields)
_SELECT = f"""
SELECT {sql.selected("model", _MODEL)}, {sql.selected("provider", _PROVIDER)},
    %s OR provider.for_all OR EXISTS (
        SELECT FROM connectors_allowance AS allowance
        WHERE allowance.department_id = %s AND allowance.provider_id = provider.id
            AND (allowance.model_id IS NULL OR allowance.model_id = model.id)
    ) AS is_allowed,
    greatest(0, extract(epoch FROM breaker.open_until - clock_timestamp()))
        + CASE WHEN breaker.open_until IS NULL THEN NULL ELSE 0 END
FROM connectors_aimodel AS model JOIN connectors_provider AS provider ON provider.id = model.provider_id
LEFT JOIN connectors_breaker AS breaker ON breaker.model_id = model.id AND breaker.base_url = provider.base_url
"""
_USABLE = "model.enabled AND provider.enabled"
_USUAL = f"{_SELECT} WHERE model.is_default AND {_USABLE} LIMIT 1"
_NAMED = f"""
{_SELECT} WHERE {_USABLE} AND (model.name = %s OR model.title = %s)
ORDER BY model.name = %s DESC, is_allowed DESC, provider.name LIMIT 1
"""
_STOPS = f"""
{_SELECT} JOIN connectors_routestop AS stop ON stop.model_id = model.id
JOIN connectors_modelroute AS route ON route.id = stop.route_id
WHERE {_USABLE} AND route.enabled AND route.name = %s ORDER BY stop.position
"""
