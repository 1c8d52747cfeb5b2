"""Money is put aside before a call and settled after it: a budget is never exceeded (rule L7; cases M13 to M15)."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from connectors.models import Breaker, Cost, ModelCall, Spending
from connectors.models_gateway import breaker
from connectors.models_gateway.payer import ALWAYS, Limit, Payer, Used, why_not
from connectors.models_gateway.purse import Purse
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import Way
from connectors.sdk.errors import NotNow
from tests.factories import make_department, make_model

MONTH = date(2026, 11, 1)
NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)
WAY = Way("Scripted", "large-1", "http://127.0.0.1:1/v1")
CENT = Decimal("0.01")


def limit(subject: UUID | None = None, **more: Any) -> Limit:
    return Limit(subject or uuid4(), more.pop("named", "Legal"), more.pop("month", MONTH), **more)


def payer(department: Limit | None = None, **more: Any) -> Payer:
    whole = department or limit(make_department().pk)
    own = more.pop("workflow", None) or limit(named="the workflow “Triage”")
    run = more.pop("run", None) or limit(named="this run", month=ALWAYS)
    return Payer(whole, own, run, step_id=more.pop("step_id", uuid4()), **more)


def called(cost: Any = "0.004", **more: Any) -> CallRecord:
    told: CallRecord = {"cost_usd": str(cost), "tokens_in": 10, "tokens_out": 5, "estimated": False, "error": ""}
    return {**told, **more}  # type: ignore[typeddict-item]


def used(subject: UUID) -> tuple[Decimal, Decimal, int]:
    return Spending.objects.values_list("spent_usd", "reserved_usd", "calls").get(subject=subject)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, None),
        ({"usd": Decimal(1)}, None),
        ({"usd": Decimal("0.90")}, "The budget of Legal is used up: of 0.90 US dollars 0.5000 are spent"),
        ({"usd": Decimal("0.99")}, "The budget of Legal does not reach for this question: of 0.99 US dollars 0.5000"),
        ({"calls": 8}, None),
        ({"calls": 7}, "Legal has asked 7 questions to AI models, the most that are allowed"),
        ({"calls_per_hour": 3}, None),
        ({"calls_per_hour": 2}, "Legal has asked 2 questions to AI models in an hour"),
        ({"stopped_by": "Mona"}, "Mona has stopped what Legal spends on AI"),
    ],
)
def test_each_limit_says_what_is_used_up_and_what_to_do(told: dict[str, Any], says: str | None) -> None:
    why = why_not(limit(**told), Used(Decimal("0.5"), Decimal("0.4"), 7, 2), Decimal("0.1"), NOW)

    assert (why is None) if says is None else (why is not None and why.message.startswith(says))
    assert why is None or "Budgets" in why.message or "raises the budget" in why.message


def test_who_is_out_of_money_waits_for_the_next_month_and_who_is_out_of_an_hour_for_the_next() -> None:
    nothing = Used(Decimal(0), Decimal(0), 5, 5)

    waits = [
        why_not(limit(**told), nothing, CENT, NOW)
        for told in ({"usd": Decimal(0)}, {"calls_per_hour": 5}, {"usd": Decimal(0), "month": ALWAYS}, {"calls": 5})
    ]

    assert [why and why.after for why in waits] == [timedelta(hours=37, minutes=30), timedelta(minutes=30), None, None]


@pytest.mark.django_db
def test_what_is_put_aside_is_settled_by_what_was_paid() -> None:
    own = payer()
    purse = Purse(own)

    reserve = purse.put_aside(WAY, CENT)
    aside = [used(each.subject) for each in own.limits]
    purse.settle(reserve, called(), "ok")
    purse.settle(reserve, called(), "ok")

    assert aside == [(0, CENT, 1)] * 3
    assert [used(each.subject) for each in own.limits] == [(Decimal("0.004"), 0, 1)] * 3
    cost = Cost.objects.get()
    assert (cost.calls, cost.cost_usd, cost.tokens_in, cost.tokens_out) == (1, Decimal("0.004"), 10, 5)


@pytest.mark.django_db
@pytest.mark.parametrize("which", ["run", "workflow", "department"])
def test_what_has_no_room_anywhere_changes_nothing_anywhere(which: str) -> None:
    own = payer()
    poor = replace(own, **{which: replace(getattr(own, which), usd=Decimal("0.015"))})
    Purse(poor).put_aside(WAY, CENT)

    with pytest.raises(NotNow, match=r"of 0\.0[12] US dollars") as out:
        Purse(poor).put_aside(WAY, CENT)

    assert out.value.code == "budget"
    assert [used(each.subject) for each in own.limits] == [(0, CENT, 1)] * 3
    assert ModelCall.objects.count() == 1


@pytest.mark.django_db
def test_a_call_whose_outcome_is_unknown_keeps_its_reserve_and_is_counted_for_people() -> None:
    own = payer()
    purse = Purse(own)
    reserve = purse.put_aside(WAY, CENT)

    purse.settle(reserve, called("0.003", estimated=True, error="unavailable"), "fault")

    assert used(own.department.subject) == (0, CENT, 1)
    assert ModelCall.objects.get().status == "unknown"
    assert (Cost.objects.get().cost_usd, Cost.objects.get().estimated_calls) == (Decimal("0.003"), 1)


@pytest.mark.django_db
def test_a_step_asks_no_more_often_than_it_may_and_an_hour_begins_anew() -> None:
    own = payer(limit(make_department().pk, calls_per_hour=3), calls_per_step=2)
    purse, other = Purse(own), Purse(replace(own, step_id=uuid4()))
    for _ in range(2):
        purse.put_aside(WAY, CENT)

    with pytest.raises(NotNow, match="This step has asked AI models 2 times"):
        purse.put_aside(WAY, CENT)
    other.put_aside(WAY, CENT)
    with pytest.raises(NotNow, match="in an hour"):
        other.put_aside(WAY, CENT)
    Spending.objects.update(hour=NOW - timedelta(hours=2))
    other.put_aside(WAY, CENT)

    assert ModelCall.objects.count() == 4


@pytest.mark.django_db
def test_the_owner_is_told_of_a_soft_limit_and_of_a_hard_one() -> None:
    told: list[tuple[str, str]] = []
    whole = limit(make_department().pk, usd=Decimal("0.03"), soft_usd=Decimal("0.015"))
    purse = Purse(payer(whole, tell=lambda which, kind: told.append((which.named, kind))))

    for _ in range(3):
        purse.put_aside(WAY, CENT)
    with pytest.raises(NotNow):
        purse.put_aside(WAY, CENT)

    assert told == [("Legal", "soft"), ("Legal", "soft"), ("Legal", "hard")]


@pytest.mark.django_db
def test_repeats_of_a_provider_are_a_tenth_of_its_calls_at_most() -> None:
    purse = Purse(payer())
    for _ in range(120):
        purse.put_aside(WAY, CENT)

    for _ in range(12):
        purse.put_aside(WAY, CENT, is_extra=True)
    with pytest.raises(NotNow, match="enough questions are being repeated") as refused:
        purse.put_aside(WAY, CENT, is_extra=True)

    assert refused.value.code == "retry_budget"
    purse.put_aside(replace(WAY, provider="Another"), CENT, is_extra=True)


def in_threads(deeds: list[Any]) -> None:
    def each(deed: Any) -> None:
        try:
            deed()
        finally:
            connection.close()

    running = [threading.Thread(target=each, args=(deed,)) for deed in deeds]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)


@pytest.mark.django_db(transaction=True)
def test_a_hundred_threads_with_money_for_ten_make_ten_calls() -> None:
    whole = limit(make_department().pk, usd=Decimal("0.10"))
    workflows = [limit(named="a workflow") for _ in range(3)]
    made: list[UUID] = []
    refused: list[str] = []

    def ask(number: int) -> None:
        purse = Purse(payer(whole, workflow=workflows[number % 3]))
        try:
            reserve = purse.put_aside(WAY, CENT)
        except NotNow as error:
            refused.append(error.code)
            return
        made.append(reserve)
        purse.settle(reserve, called(CENT), "ok")

    in_threads([lambda number=number: ask(number) for number in range(100)])

    assert (len(made), refused) == (10, ["budget"] * 90)
    assert used(whole.subject) == (Decimal("0.10"), 0, 10)
    assert ModelCall.objects.filter(status="settled").count() == 10


@pytest.mark.django_db(transaction=True)
def test_of_thirty_who_ask_at_once_twenty_find_out_whether_the_model_is_there() -> None:
    """And as many as like ask it once it has answered; who asks again after its worker died is not in its own way."""
    way = replace(WAY, model_id=uuid4())
    whole = limit(make_department().pk)
    asking: dict[UUID, UUID] = {}
    refused: list[str] = []

    def ask(step_id: UUID) -> None:
        try:
            asking[step_id] = Purse(payer(whole, step_id=step_id)).put_aside(way, CENT)
        except NotNow as error:
            refused.append(error.code)

    in_threads([lambda: ask(uuid4()) for _ in range(30)])
    at_first = (len(asking), [*refused])
    ask(next(iter(asking)))
    again = len(refused)
    *most, last = asking.values()
    for reserve in most:
        Purse(payer(whole)).settle(reserve, called(error="unavailable"), "fault")
    ask(uuid4())
    failed = len(refused)
    Purse(payer(whole)).settle(last, called(), "ok")
    ModelCall.objects.filter(went="fault").update(went="ok")
    in_threads([lambda: ask(uuid4()) for _ in range(30)])

    assert at_first == (20, ["unproved"] * 10)
    assert (again, failed, len(refused)) == (10, 11, 11)
    assert ModelCall.objects.filter(status="reserved").count() == 31, "one was left behind by a worker"


@pytest.mark.django_db
def test_half_of_twenty_that_failed_are_enough_while_the_others_wait_for_an_answer() -> None:
    way = replace(WAY, model_id=make_model().pk)
    purses = [Purse(payer()) for _ in range(20)]
    reserves = [purse.put_aside(way, CENT) for purse in purses]
    opened = []

    for purse, reserve in zip(purses[:10], reserves, strict=False):
        purse.settle(reserve, called(error="unavailable"), "fault")
        breaker.learn(way, "fault", "It broke.")
        opened.append(Breaker.objects.exists())

    assert opened == [False] * 9 + [True]
