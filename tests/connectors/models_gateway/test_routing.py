"""Which model answers, with which key, and what a step gets to touch (case M16)."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from connectors.models import AiModel, Provider
from connectors.models import SchemaSupport as Choices
from connectors.models_gateway import routing
from connectors.models_gateway.for_step import StepModels
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import Clocks, Prices, SchemaSupport, Way
from connectors.sdk import AuthFailed, BadParams, Rejected, Unavailable
from tests.factories import make_model, make_provider
from tests.scripted_provider import KEY, MODEL, Reply, ScriptedProvider, gives, says, wrong_key


@pytest.fixture
def scripted_model(db: None, scripted_provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> AiModel:
    monkeypatch.setenv("SCRIPTED_KEY", KEY)
    provider = make_provider("Scripted", base_url=scripted_provider.base_url, key_variable="SCRIPTED_KEY")
    return make_model(provider, MODEL, title="The scripted one", is_default=True)


def test_a_route_carries_all_that_the_row_says(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "k" * 20)
    provider = make_provider("Some", base_url="https://models.example/v1", key_variable="SOME_KEY")
    make_model(
        provider, "m-1", is_default=True, context_tokens=32_000, price_in="0.5", price_out="1.5",
        connect_s=1, first_byte_s=2, idle_s=3, total_s=4, schema_support="full", thinking_tokens=9, effort="low",
    )  # fmt: skip

    assert routing.choose() == Way(
        provider="Some",
        model="m-1",
        base_url="https://models.example/v1",
        key="k" * 20,
        context_tokens=32_000,
        clocks=Clocks(1, 2, 3, 4),
        prices=Prices(Decimal("0.5"), Decimal("1.5")),
        schema_support=SchemaSupport.FULL,
        thinking_tokens=9,
        effort="low",
    )


def test_a_step_may_name_a_model_by_either_name(db: None) -> None:
    provider = make_provider(base_url="http://127.0.0.1:1/v1")
    make_model(provider, "usual", is_default=True)
    make_model(provider, "m-large", title="The large one")

    assert [routing.choose(name).model for name in ("", "usual", "m-large", "The large one")] == [
        "usual", "usual", "m-large", "m-large",
    ]  # fmt: skip


def test_a_provider_without_an_address_is_openai_itself(db: None) -> None:
    make_model(make_provider(), is_default=True)

    assert routing.choose().base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize("off", ["model", "provider"])
def test_what_is_not_in_use_is_not_chosen(db: None, off: str) -> None:
    make_model(make_provider(enabled=off != "provider"), "m-1", enabled=off != "model", is_default=True)

    with pytest.raises(BadParams, match='No AI model called "m-1" is in use') as named:
        routing.choose("m-1")
    with pytest.raises(Rejected, match="No AI model is set up") as usual:
        routing.choose()

    assert list(named.value.fields) == ["model"]
    assert usual.value.code == "no_model"


def test_the_practice_model_is_found_where_the_setting_says(db: None, settings: Any) -> None:
    make_model(make_provider(is_practice=True, base_url="http://old.example/v1"), is_default=True)

    settings.PRACTICE_MODEL_URL = "http://127.0.0.1:23456/v1"
    assert (routing.choose().base_url, routing.choose().key) == ("http://127.0.0.1:23456/v1", "none")


def test_a_practice_model_that_does_not_run_may_run_later(db: None, settings: Any) -> None:
    make_model(make_provider(is_practice=True), is_default=True)
    settings.PRACTICE_MODEL_URL = ""

    with pytest.raises(Unavailable, match="The practice model is not running"):
        routing.choose()


def test_a_missing_key_is_told_before_anything_is_sent(
    scripted_model: AiModel, scripted_provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRIPTED_KEY")

    with pytest.raises(AuthFailed, match="the variable SCRIPTED_KEY is empty"):
        StepModels([]).ask("Say hello.", {})

    assert scripted_provider.calls == 0


def test_a_refused_key_is_offered_once_and_a_new_key_at_once(
    scripted_model: AiModel, scripted_provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_provider.script = [wrong_key(), says("welcome")]
    for _ in range(10):
        with pytest.raises(AuthFailed):
            StepModels([]).ask("Say hello.", {})
    assert scripted_provider.calls == 1

    monkeypatch.setenv("SCRIPTED_KEY", "sk-a-new-key-0123456789abcdef")

    assert StepModels([]).ask("Say hello.", {}).text == "welcome"


def test_a_refused_key_is_tried_again_after_its_rest(
    scripted_model: AiModel, scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script = [wrong_key(), says("welcome")]
    with pytest.raises(AuthFailed):
        StepModels([]).ask("Say hello.", {})

    Provider.objects.update(refused_at=timezone.now() - routing.REFUSED_KEY_RESTS)

    assert StepModels([]).ask("Say hello.", {}).text == "welcome"


def test_a_step_gets_the_answer_and_its_calls_are_kept(
    scripted_model: AiModel, scripted_provider: ScriptedProvider
) -> None:
    AiModel.objects.update(price_in=10, price_out=20)
    scripted_provider.script = [gives({"n": "x"}), gives({"n": 7}, usage=(100, 50))]
    calls: list[CallRecord] = []
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    answer = StepModels(calls).ask("Count.", {"text": "seven"}, schema=schema, model="The scripted one", max_tokens=99)

    assert (answer.data, answer.model, answer.provider, answer.repaired) == ({"n": 7}, MODEL, "Scripted", True)
    assert (answer.tokens_in, answer.tokens_out, answer.cost_usd) == (112, 55, 0.00222)
    assert [call["answer"] for call in calls] == ['{"n": "x"}', '{"n": 7}']
    assert scripted_provider.requests[0]["max_tokens"] == 99


def test_secrets_of_the_server_do_not_reach_the_provider(
    scripted_model: AiModel, scripted_provider: ScriptedProvider, settings: Any
) -> None:
    calls: list[CallRecord] = []

    StepModels(calls).ask("Sum up.", {"text": f"It is {settings.SECRET_KEY} and {KEY}."})

    said = scripted_provider.requests[0]["messages"][1]["content"]
    assert "It is [secret removed] and [secret removed]." in said
    assert calls[0]["removed"] == {"secret": 2}


def test_the_room_for_material_follows_the_models_context(scripted_model: AiModel) -> None:
    rooms = []
    for tokens in (2_000, 8_192, 128_000):
        AiModel.objects.update(context_tokens=tokens)
        rooms.append(StepModels([]).room())

    assert rooms == [1_000, 17_076, 100_000]


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_the_model_answers(scripted_provider: ScriptedProvider) -> None:
    make_model(make_provider(base_url=scripted_provider.base_url), is_default=True)
    held: list[bool] = []

    def step() -> None:
        own = connections["default"]

        def reply(asked: dict[str, Any]) -> Reply:
            held.append(own.connection is not None)
            return says("ok")

        scripted_provider.reply = reply
        StepModels([]).ask("Say hello.", {})

    thread = threading.Thread(target=step)
    thread.start()
    thread.join(10)

    assert held == [False]


def test_the_rows_and_the_door_know_the_same_kinds_of_schema_support() -> None:
    assert {choice.value for choice in Choices} == {support.value for support in SchemaSupport}
