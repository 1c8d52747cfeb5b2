"""The rows of providers follow the environment, and an administrator's changes stay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from audit.models import Entry
from connectors.models import AiModel, Provider
from connectors.providers import ensure_providers
from tests.factories import make_model, make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_set(settings: Any) -> Any:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = settings.OPENAI_MODEL = ""
    return settings


def usual() -> tuple[str, str]:
    model = AiModel.objects.get(is_default=True)
    return model.provider.name, model.name


def test_with_nothing_set_the_practice_model_answers() -> None:
    model = ensure_providers()

    assert usual() == ("Practice model", "smollm2-135m-instruct")
    assert (model.provider.is_practice, model.context_tokens, model.schema_support) == (True, 8_192, "full")
    assert (model.first_byte_s, model.idle_s, model.total_s) == (240, 60, 300)


def test_with_a_key_the_named_provider_answers(nothing_set: Any) -> None:
    nothing_set.OPENAI_API_KEY = "sk-x"

    model = ensure_providers()

    assert usual() == ("OpenAI-compatible", "gpt-5-mini")
    assert (model.provider.key_variable, model.provider.base_url) == ("OPENAI_API_KEY", "")
    assert (model.thinking_tokens, model.effort, model.schema_support) == (4_000, "low", "strict")
    assert (model.price_in, model.price_out) == (Decimal("0.25"), Decimal("2.00"))


def test_an_address_alone_needs_no_key(nothing_set: Any) -> None:
    nothing_set.OPENAI_BASE_URL, nothing_set.OPENAI_MODEL = "http://models.example/v1", "qwen3-8b"

    model = ensure_providers()

    assert usual() == ("OpenAI-compatible", "qwen3-8b")
    assert (model.provider.key_variable, model.provider.base_url) == ("", "http://models.example/v1")
    assert model.thinking_tokens == 0


def test_a_second_start_changes_nothing_and_says_nothing_new() -> None:
    ensure_providers()
    before = list(Entry.objects.values_list("verb", flat=True))

    ensure_providers()

    assert list(Entry.objects.values_list("verb", flat=True)) == before == ["model.made_usual", "provider.added"]
    assert (Provider.objects.count(), AiModel.objects.count()) == (1, 1)


def test_a_key_set_later_takes_over_and_one_removed_gives_back(nothing_set: Any) -> None:
    ensure_providers()
    nothing_set.OPENAI_API_KEY = "sk-x"
    ensure_providers()
    assert usual() == ("OpenAI-compatible", "gpt-5-mini")
    assert not Provider.objects.get(name="Practice model").enabled

    nothing_set.OPENAI_API_KEY = ""
    ensure_providers()

    assert usual() == ("Practice model", "smollm2-135m-instruct")
    assert not Provider.objects.get(name="OpenAI-compatible").enabled


def test_another_model_in_the_environment_becomes_the_usual_one(nothing_set: Any) -> None:
    nothing_set.OPENAI_API_KEY = "sk-x"
    ensure_providers()

    nothing_set.OPENAI_MODEL = "gpt-6"
    ensure_providers()

    assert usual() == ("OpenAI-compatible", "gpt-6")


def test_what_an_administrator_chose_stays(nothing_set: Any) -> None:
    nothing_set.OPENAI_API_KEY = "sk-x"
    ensure_providers()
    AiModel.objects.update(price_in=9, idle_s=99, is_default=False)
    make_model(make_provider("Own servers", base_url="http://own.example/v1"), "llama", is_default=True)

    ensure_providers()

    assert usual() == ("Own servers", "llama")
    kept = AiModel.objects.get(name="gpt-5-mini")
    assert (kept.price_in, kept.idle_s) == (9, 99)
