"""What administrators, and the server at its start, do with providers of AI models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.services import record
from connectors.models import AiModel, DataClass, Provider, SchemaSupport
from departments.access import SYSTEM, Actor

OPENAI_PROVIDER = "OpenAI-compatible"
PRACTICE_PROVIDER = "Practice model"
USUAL_OPENAI_MODEL = "gpt-5-mini"

# Models that think before they answer: they take no temperature, and their thoughts count as tokens written.
THINKING = ("gpt-5", "o1", "o3", "o4")

# USD per million tokens in and out. An administrator keeps prices in the admin; these spare a zero at the start.
KNOWN_PRICES = {"gpt-5-mini": (Decimal("0.25"), Decimal("2.00"))}

# The practice model shares the machine's cores with everything else, and its questions stand in line.
PRACTICE_MODEL: dict[str, Any] = {
    "title": "Practice model",
    "context_tokens": 8_192,
    "schema_support": SchemaSupport.FULL,
    "data_class": DataClass.PRIVILEGED,
    "jurisdiction": "this server",
    "first_byte_s": 240,
    "idle_s": 60,
    "total_s": 300,
}


@transaction.atomic
def ensure_providers(*, actor: Actor = SYSTEM) -> AiModel:
    """Bring the rows in line with the environment; what an administrator changed in them stays. Gives the usual model.

    With OPENAI_API_KEY or OPENAI_BASE_URL set, that provider answers and the practice model rests; else the other way
    round. A usual model that an administrator chose at a third provider stays the usual one.
    """
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        model = _ensure_openai(actor)
        _rest(PRACTICE_PROVIDER, actor)
    else:
        model = _ensure_practice(actor)
        _rest(OPENAI_PROVIDER, actor)
    return _ensure_usual(model, actor)


def _ensure_openai(actor: Actor) -> AiModel:
    provider = _ensure_provider(
        OPENAI_PROVIDER,
        actor,
        base_url=settings.OPENAI_BASE_URL,
        key_variable="OPENAI_API_KEY" if settings.OPENAI_API_KEY else "",
    )
    name = settings.OPENAI_MODEL or USUAL_OPENAI_MODEL
    price_in, price_out = KNOWN_PRICES.get(name, (Decimal(0), Decimal(0)))
    given: dict[str, Any] = {"price_in": price_in, "price_out": price_out}
    if name.startswith(THINKING):
        given |= {"thinking_tokens": 4_000, "effort": "low"}
    return AiModel.objects.get_or_create(provider=provider, name=name, defaults=given)[0]


def _ensure_practice(actor: Actor) -> AiModel:
    provider = _ensure_provider(PRACTICE_PROVIDER, actor, base_url="", key_variable="", is_practice=True)
    name = getattr(settings, "PRACTICE_MODEL", "smollm2-135m-instruct")
    return AiModel.objects.get_or_create(provider=provider, name=name, defaults=PRACTICE_MODEL)[0]


def _ensure_provider(name: str, actor: Actor, **given: Any) -> Provider:
    given["enabled"] = True
    provider, created = Provider.objects.get_or_create(name=name, defaults=given)
    if created:
        record("provider.added", actor=actor, thing=provider, **given)
        return provider

    changed = {field: value for field, value in given.items() if getattr(provider, field) != value}
    if changed:
        Provider.objects.filter(pk=provider.pk).update(**changed)
        provider.refresh_from_db()
        record("provider.changed", actor=actor, thing=provider, **changed)
    return provider


def _rest(name: str, actor: Actor) -> None:
    provider = Provider.objects.filter(name=name, enabled=True).first()
    if provider is not None:
        Provider.objects.filter(pk=provider.pk).update(enabled=False)
        record("provider.changed", actor=actor, thing=provider, enabled=False)


def _ensure_usual(model: AiModel, actor: Actor) -> AiModel:
    usual = AiModel.objects.filter(is_default=True, enabled=True, provider__enabled=True).first()
    if usual is not None and (usual.pk == model.pk or not _environment_overrules(usual, model)):
        return usual

    AiModel.objects.filter(is_default=True).update(is_default=False)
    AiModel.objects.filter(pk=model.pk).update(is_default=True, enabled=True)
    record("model.made_usual", actor=actor, thing=model)
    model.refresh_from_db()
    return model


def _environment_overrules(usual: AiModel, model: AiModel) -> bool:
    """OPENAI_MODEL, where it is set, names the usual model of its own provider."""
    return bool(settings.OPENAI_MODEL) and usual.provider_id == model.provider_id
