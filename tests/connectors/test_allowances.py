"""Which department may use which model, sealed keys, and routes whose models are alike before the law (rule L5)."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from audit.models import Entry
from connectors import allowances
from connectors.models import AiModel, ModelRoute, Secret
from connectors.models_gateway import routing
from connectors.models_gateway.for_step import StepModels
from connectors.models_gateway.record import CallRecord
from connectors.sdk import AuthFailed, BadParams, Rejected, Unavailable
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests.factories import make_department, make_model, make_provider, make_user
from tests.scripted_provider import KEY, ScriptedProvider, context_too_long, fails, out_of_quota, says, wrong_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def two(scripted_provider: ScriptedProvider) -> list[AiModel]:
    """Two models at two providers, both of them the scripted one, in the route "writers"."""
    first, second = (make_provider(name, base_url=scripted_provider.base_url) for name in ("First", "Second"))
    models = [make_model(first, "large-1", is_default=True), make_model(second, "spare-1")]
    allowances.set_stops(ModelRoute.objects.create(name="writers"), models, actor=SYSTEM)
    return models


def test_a_provider_that_is_not_for_all_is_for_those_who_are_named(legal: Department) -> None:
    provider = make_provider("Closed", base_url="http://127.0.0.1:1/v1", for_all=False)
    large, small = make_model(provider, "large-1"), make_model(provider, "small-1")

    with pytest.raises(Rejected, match='may not use the model "large-1"') as refused:
        routing.choose("large-1", legal.pk)
    allowances.allow(legal, provider, small, actor=SYSTEM)
    of_legal = [model.name for model in allowances.models_for(legal.pk)]
    with pytest.raises(Rejected):
        routing.choose("large-1", legal.pk)
    for_small = routing.choose("small-1", legal.pk).model
    allowances.allow(legal, provider, actor=SYSTEM)

    assert (refused.value.code, of_legal, for_small) == ("model_not_allowed", ["small-1"], "small-1")
    assert routing.choose("large-1", legal.pk).model == large.name
    with pytest.raises(Rejected):
        routing.choose("large-1", make_department().pk)


def test_what_is_allowed_and_no_longer_stands_in_the_ledger(legal: Department) -> None:
    model = make_model(make_provider("Closed", for_all=False), "m-1")

    given = allowances.allow(legal, model.provider, model, actor=SYSTEM)
    allowances.allow(legal, model.provider, model, actor=SYSTEM)
    allowances.disallow(given, actor=SYSTEM)

    entries = Entry.objects.order_by("id").values_list("verb", "department", "object_label", "detail")
    assert list(entries) == [
        ("allowance.given", "legal", "Closed", {"model": "m-1"}),
        ("allowance.taken", "legal", "Closed", {"model": "m-1"}),
    ]
    assert not allowances.models_for(legal.pk)


def test_only_administrators_decide_who_may_use_what(legal: Department) -> None:
    model, manager = make_model(), actor_for_user(make_user(department=legal, role=Role.MANAGER))

    for deed in (
        lambda: allowances.allow(legal, model.provider, actor=manager),
        lambda: allowances.seal_key(model.provider, KEY, actor=manager),
        lambda: allowances.set_stops(ModelRoute.objects.create(name="mine"), [model], actor=manager),
    ):
        with pytest.raises(PermissionDenied):
            deed()


def test_a_sealed_key_is_used_replaced_and_never_written_down(scripted_provider: ScriptedProvider) -> None:
    provider = make_provider("Sealed", base_url=scripted_provider.base_url)
    make_model(provider, "m-1", is_default=True)

    allowances.seal_key(provider, KEY, actor=SYSTEM)
    StepModels([]).ask("Say hello.", {})
    allowances.seal_key(provider, "sk-another-key-0123456789", actor=SYSTEM)
    StepModels([]).ask("Say hello.", {})

    keys = [headers["authorization"] for headers in scripted_provider.headers]
    assert keys == [f"Bearer {KEY}", "Bearer sk-another-key-0123456789"]
    assert KEY not in json.dumps([*Entry.objects.values_list("detail", flat=True)])
    assert KEY.encode() not in bytes(Secret.objects.get().body)
    allowances.forget_key(provider, actor=SYSTEM)
    assert (Secret.objects.count(), routing.choose().key) == (0, routing.NO_KEY)


def test_a_sealed_key_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "k" * 20)
    provider = make_provider("Both", base_url="http://127.0.0.1:1/v1", key_variable="SOME_KEY")
    make_model(provider, is_default=True)

    from_environment = routing.choose().key
    allowances.seal_key(provider, KEY, actor=SYSTEM)

    assert (from_environment, routing.choose().key) == ("k" * 20, KEY)


@pytest.mark.parametrize("key", ["", "short", "two words here", "schlüssel-mit-umlaut"])
def test_what_is_no_key_is_not_sealed(key: str) -> None:
    with pytest.raises(ValidationError, match="no key"):
        allowances.seal_key(make_provider(), key, actor=SYSTEM)


@pytest.mark.parametrize("other", [{"data_class": "public"}, {"jurisdiction": "United States"}])
def test_models_that_differ_before_the_law_stand_in_no_route(other: dict[str, str]) -> None:
    first = make_model(data_class="internal", jurisdiction="EU")
    second = make_model(**{"data_class": "internal", "jurisdiction": "EU", **other})

    with pytest.raises(ValidationError, match="may not stand in one route"):
        allowances.set_stops(ModelRoute.objects.create(name="r"), [first, second], actor=SYSTEM)


@pytest.mark.parametrize("failure", [fails(500), wrong_key(), out_of_quota(), fails(503, headers={"Retry-After": "9"})])
def test_the_next_model_of_a_route_answers_where_the_first_cannot_and_that_is_recorded(
    two: list[AiModel], scripted_provider: ScriptedProvider, failure: object
) -> None:
    calls: list[CallRecord] = []
    notes: list[str] = []
    scripted_provider.script = [failure, says("Good day.")]  # type: ignore[list-item]

    answer = StepModels(calls, notes=notes).ask("Say hello.", {}, model="writers")

    assert (answer.text, answer.provider) == ("Good day.", "Second")
    assert [(call["model_asked"], call["instead_of"]) for call in calls] == [("large-1", []), ("spare-1", ["large-1"])]
    assert len(notes) == 1
    assert notes[0].startswith('"spare-1" (Second) was asked in the place of large-1: ')


def test_a_question_that_is_at_fault_itself_goes_to_no_other_model(
    two: list[AiModel], scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script = [context_too_long()]

    with pytest.raises(BadParams):
        StepModels([]).ask("Say hello.", {}, model="writers")

    assert scripted_provider.calls == 1


def test_a_step_that_names_one_model_is_never_answered_by_another(
    two: list[AiModel], scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script = [fails(500)]

    with pytest.raises(Unavailable):
        StepModels([]).ask("Say hello.", {}, model="large-1")

    assert scripted_provider.calls == 1


def test_a_route_passes_over_what_a_department_may_not_use(two: list[AiModel], legal: Department) -> None:
    first = two[0].provider
    first.for_all = False
    first.save()

    ways = routing.ways("writers", legal.pk)

    assert [way.model for way in ways.open] == ["spare-1"]
    assert [error.code for error in ways.closed.values()] == ["model_not_allowed"]
    assert [route.name for route in allowances.routes_for(legal.pk)] == ["writers"]


def test_a_route_of_which_nothing_is_left_says_why(two: list[AiModel], legal: Department) -> None:
    for model in two:
        model.provider.key_variable = "NO_SUCH_VARIABLE"
        model.provider.save()

    with pytest.raises(AuthFailed, match="NO_SUCH_VARIABLE"):
        routing.ways("writers", legal.pk)


def test_prices_in_another_currency_are_kept_in_dollars() -> None:
    model = make_model(price_in=2, price_out=10, price_cached=0.5, currency="EUR", usd_per_unit=1.1)

    prices = routing.prices_of(model)

    assert (prices.per_million_in, prices.per_million_out, prices.per_million_cached) == (
        pytest.approx(2.2), pytest.approx(11), pytest.approx(0.55),
    )  # fmt: skip
