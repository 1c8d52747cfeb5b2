"""What a test will cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.models import AiModel, Provider
from tests.factories import make_model, make_provider, make_run, make_step, make_version, make_workflow
from workflows.engine.definition import load
from workflows.models import Attempt, Workflow
from workflows.services.estimates import Estimate, estimate

pytestmark = pytest.mark.django_db

WRITE: dict[str, Any] = {"id": "write", "kind": "ai.write", "with": {"instructions": "Write {{ inputs.about }}"}}
PLAIN = {"id": "plain", "kind": "text.compose", "with": {"text": "x"}}


@pytest.fixture(autouse=True)
def model(settings: Any) -> AiModel:
    AiModel.objects.all().delete()
    Provider.objects.all().delete()
    provider = make_provider(base_url="http://127.0.0.1:9/v1")
    return make_model(provider, is_default=True, price_in=10, price_out=30)


def of(steps: list[dict[str, Any]], workflow: Workflow | None = None) -> Estimate:
    definition = {"format": 1, "name": "E", "inputs": {"about": {"type": "text"}}, "steps": steps}
    loaded = load(definition)
    return estimate(workflow or make_workflow(definition=definition), loaded, loaded.steps)


def paid(workflow: Workflow, usd: str, **step: Any) -> None:
    run = make_run(make_version(workflow))
    row = make_step(run, **{"path": "write", "kind": "ai.write", **step})
    Attempt.objects.create(step=row, number=1, started_at=run.created_at, given={}, calls=[{}], cost_usd=Decimal(usd))


def test_steps_that_ask_no_ai_cost_nothing() -> None:
    assert of([PLAIN]) == Estimate(0, 0.0, is_known=False)


def test_without_any_experience_the_length_of_the_prompt_decides() -> None:
    short = of([WRITE])
    long = of([{**WRITE, "with": {"instructions": "Write " + "many words " * 500}}])

    assert (short.questions, short.is_known) == (1, False)
    assert 0.005 < short.cost_usd < 0.02
    assert long.cost_usd > short.cost_usd


def test_many_steps_need_no_more_queries_than_one(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        many = of([{**WRITE, "id": f"write_{number}"} for number in range(20)])

    assert many.questions == 20


def test_what_this_step_cost_before_counts_more_than_what_others_of_its_kind_cost() -> None:
    workflow = make_workflow(definition={"format": 1, "name": "E", "steps": [WRITE]})
    other = make_workflow(workflow.department)
    paid(other, "0.5")

    alike = of([WRITE], workflow)
    paid(workflow, "0.25")
    own = of([WRITE], workflow)

    assert (alike.cost_usd, own.cost_usd, own.is_known) == (0.5, 0.25, True)


def test_what_another_department_paid_is_not_told() -> None:
    paid(make_workflow(), "0.5")

    assert of([WRITE]).is_known is False


def test_a_repetition_counts_its_items_and_of_several_ways_the_longest_counts() -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b", "c"]}, "steps": [WRITE]}
    always = {"value": "1", "is": "equal", "to": "1"}
    branch = {
        "id": "route",
        "kind": "flow.branch",
        "cases": [
            {"when": always, "steps": [{**WRITE, "id": "one"}, {**WRITE, "id": "two"}]},
            {"when": always, "steps": [{**WRITE, "id": "three"}]},
        ],
    }

    assert of([each, branch]).questions == 5
    assert of([{**each, "off": True}]).questions == 0


def test_without_a_model_there_is_no_price() -> None:
    AiModel.objects.all().delete()

    assert of([WRITE]) == Estimate(1, 0.0, is_known=False)
