"""When a model counts as sick, and what says nothing about its health (rule L4; cases M03 and M04)."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

import pytest

from connectors.models import ModelCall
from connectors.models_gateway.breaker import is_proved, is_sick
from connectors.models_gateway.for_step import StepModels
from connectors.models_gateway.payer import ALWAYS, Limit, Payer
from connectors.sdk import StepError
from tests.factories import make_department, make_model, make_provider
from tests.scripted_provider import (
    Reply,
    ScriptedProvider,
    context_too_long,
    cuts,
    fails,
    out_of_quota,
    rate_limited,
    refuses,
    says,
    wrong_key,
)


@pytest.mark.parametrize(
    ("calls", "failures", "sick"),
    [(19, 19, False), (20, 9, False), (20, 10, True), (20, 20, True), (201, 100, False), (200, 100, True)],
)
def test_half_of_at_least_twenty_calls_have_to_fail(calls: int, failures: int, sick: bool) -> None:
    assert is_sick(calls, failures) is sick


@pytest.mark.parametrize(("well", "failed", "proved"), [(19, 0, False), (20, 0, True), (11, 9, True), (10, 10, False)])
def test_most_of_its_last_twenty_calls_prove_a_model(well: int, failed: int, proved: bool) -> None:
    assert is_proved(["ok"] * well + ["fault"] * failed) is proved


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reply", "went"),
    [
        (says("Good day."), "ok"),
        (refuses(), "ok"),
        (fails(500), "fault"),
        (fails(503, headers={"Retry-After": "9"}), "fault"),
        (cuts(), "fault"),
        (rate_limited("7"), "client"),
        (out_of_quota(), "client"),
        (wrong_key(), "client"),
        (context_too_long(), "client"),
        (fails(404), "client"),
    ],
)
def test_no_refusal_of_a_question_counts_against_the_provider(
    scripted_provider: ScriptedProvider, reply: Reply, went: str
) -> None:
    make_model(make_provider(base_url=scripted_provider.base_url), is_default=True)
    scripted_provider.script = [reply]
    whole, own, run = Limit(make_department().pk, "Legal"), Limit(uuid4(), "a workflow"), Limit(uuid4(), "r", ALWAYS)
    with suppress(StepError):
        StepModels([], payer=Payer(whole, own, run, step_id=uuid4())).ask("Say hello.", {})

    assert ModelCall.objects.get().went == went
