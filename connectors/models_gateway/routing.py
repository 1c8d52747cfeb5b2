"""Which model answers: the one a step names, or the usual one; and how it is reached."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from audit import sql
from connectors.models import AiModel, Provider
from connectors.models_gateway.request import Clocks, Prices, Route, SchemaSupport
from connectors.sdk import AuthFailed, BadParams, Rejected, Unavailable

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
REFUSED_KEY_RESTS = timedelta(minutes=10)


def choose(name: str = "") -> Route:
    """The way to the model of this name, or to the usual one.

    Gives the database connection back before it returns, so that none is held while the model answers.
    Raises BadParams (no such model), Rejected (none set up), AuthFailed (no key, or one refused lately), Unavailable.
    """
    try:
        model = _row(name)
    finally:
        sql.release()
    if model is None:
        raise _nothing_called(name)

    return Route(
        provider=model.provider.name,
        model=model.name,
        base_url=_address(model.provider),
        key=_key(model.provider),
        context_tokens=model.context_tokens,
        clocks=Clocks(model.connect_s, model.first_byte_s, model.idle_s, model.total_s),
        prices=Prices(model.usd_per_million_in, model.usd_per_million_out),
        schema_support=SchemaSupport(model.schema_support),
        thinking_tokens=model.thinking_tokens,
        effort=model.effort,
    )


def remember_refused_key(route: Route) -> None:
    """Let this key rest: after one refusal every other call with it would only be refused as well (case M16)."""
    try:
        Provider.objects.filter(name=route.provider).update(
            refused_key=_fingerprint(route.key), refused_at=timezone.now()
        )
    finally:
        sql.release()


def _row(name: str) -> AiModel | None:
    if not name:
        return _usual()
    usable = AiModel.objects.filter(enabled=True, provider__enabled=True).select_related("provider")
    return usable.filter(name=name).first() or usable.filter(title=name).first()


def _usual() -> AiModel | None:
    """The model that is asked when a step names none: at every call, so by a prepared statement."""
    found = sql.row(_USUAL, [])
    if found is None:
        return None
    model = AiModel.from_db("default", _MODEL, found[: len(_MODEL)])
    model.provider = Provider.from_db("default", _PROVIDER, found[len(_MODEL) :])
    return model


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
    if not provider.key_variable:
        return NO_KEY
    key = os.environ.get(provider.key_variable, "")
    if not key:
        raise AuthFailed(f"There is no key for {provider.name}: the variable {provider.key_variable} is empty.")
    if _rests(provider, key):
        raise AuthFailed(f"{provider.name} did not accept our key a short while ago. An administrator must change it.")
    return key


def _rests(provider: Provider, key: str) -> bool:
    if provider.refused_at is None or provider.refused_key != _fingerprint(key):
        return False
    return timezone.now() - provider.refused_at < REFUSED_KEY_RESTS


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_MODEL = tuple(field.attname for field in AiModel._meta.concrete_fields)
_PROVIDER = tuple(field.attname for field in Provider._meta.concrete_fields)
_USUAL = f"""
SELECT {sql.selected("model", _MODEL)}, {sql.selected("provider", _PROVIDER)}
FROM connectors_aimodel AS model JOIN connectors_provider AS provider ON provider.id = model.provider_id
WHERE model.is_default AND model.enabled AND provider.enabled LIMIT 1
"""
