"""A run that is out of budget waits and goes on; a model that fails is left alone and found again (rules L4 to L7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from connectors import allowances, mending
from connectors.models import AiModel, Breaker, Cost, ModelCall, ModelRoute, Spending
from connectors.models_gateway import routing
from connectors.models_gateway.purse import Purse
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role, User
from tests import factories
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, fails, gives, out_of_quota, scripted_provider
from tests.workflows.runtime.harness import carried, claim, lose_the_worker, published, run_of
from workflows.models import Budget, JournalEntry, Run, RunMode, StepRun, Task
from workflows.runtime import paying
from workflows.services import budgets
from workflows.services.manual_mode import switch_on
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

WRITE: dict[str, Any] = {"id": "write", "kind": "ai.write", "with": {"instructions": "Announce it."}}
GIVES = {"text": "{{ steps.write.text }}"}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def mona(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Mona", legal, Role.MANAGER))


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    """A question costs at least 0.012 US dollars: 12 tokens in; and may cost far more."""
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True, price_in=1_000, price_out=1_000)
    return scripted_provider


def writes(text: str, **more: Any) -> Reply:
    return gives({"text": text}, **more)


def set_limits(legal: Department, mona: Actor, **limits: Any) -> Budget:
    return budgets.set_budget(legal, limits=limits, actor=mona)


def step_of(run: Run) -> StepRun:
    return run.steps.get(path="write")


def test_a_run_out_of_budget_waits_with_its_reason_and_goes_on_when_it_is_raised(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    set_limits(legal, mona, month_usd=Decimal("0.01"))
    run = carried(run_of(published([WRITE], legal, output=GIVES)))
    step = step_of(run)

    waits = (run.status, step.status, step.attempts, provider.calls, step.error and step.error["code"])
    set_limits(legal, mona, month_usd=Decimal(100))
    carried(run)

    assert waits == ("waiting", "ready", 0, 0, "budget")
    assert step.error["message"].startswith(
        "The budget of Legal does not reach for this question: of 0.01 US dollars 0.0000"
    )
    assert step.run_after.day == 1
    assert step.run_after > timezone.now()
    assert (run.status, provider.calls, step_of(run).attempts) == ("succeeded", 1, 1)
    assert [entry.event for entry in JournalEntry.objects.filter(run=run, event="step.postponed")] == ["step.postponed"]
    assert Notice.objects.filter(kind="budget").count() == 1
    assert Entry.objects.filter(verb="budget.set").latest("id").detail["woken"] == 1


def test_a_new_month_lets_it_go_on_by_itself(legal: Department, mona: Actor, provider: ScriptedProvider) -> None:
    set_limits(legal, mona, month_usd=Decimal("0.01"))
    run = carried(run_of(published([WRITE], legal, output=GIVES)))

    Budget.objects.update(month_usd=None)
    StepRun.objects.update(run_after=Now() - timedelta(seconds=1))

    assert carried(run).status == "succeeded"


def test_where_a_person_is_to_be_asked_they_are_asked_at_once(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    set_limits(legal, mona, month_usd=Decimal("0.01"))

    carried(run_of(published([{**WRITE, "on_error": "ask"}], legal, output=GIVES)))

    assert Task.objects.get().why["code"] == "budget"  # type: ignore[index]


def test_a_test_is_told_at_once(legal: Department, mona: Actor, provider: ScriptedProvider) -> None:
    set_limits(legal, mona, month_usd=Decimal("0.01"))
    run = run_of(published([WRITE], legal, output=GIVES))
    Run.objects.update(mode=RunMode.TEST)

    carried(run)

    assert (run.status, run.error and run.error["code"]) == ("failed", "budget")


def test_every_call_is_counted_for_run_workflow_department_and_people(
    legal: Department, provider: ScriptedProvider
) -> None:
    run = carried(run_of(published([WRITE], legal, output=GIVES)))

    call = ModelCall.objects.get()
    cost = Cost.objects.get()
    spent = dict(Spending.objects.values_list("subject", "spent_usd"))
    assert spent == dict.fromkeys([run.pk, run.workflow_id, legal.pk], run.cost_usd)
    assert (call.status, call.cost_usd, call.went, call.run_id) == ("settled", run.cost_usd, "ok", run.pk)
    assert (cost.calls, cost.cost_usd, cost.workflow_id, cost.model) == (1, run.cost_usd, run.workflow_id, MODEL)


def test_the_items_of_a_run_spend_its_money(legal: Department, mona: Actor, provider: ScriptedProvider) -> None:
    set_limits(legal, mona, calls_per_run=2)
    steps = [{"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b", "c"]}, "steps": [WRITE]}]

    run = carried(run_of(published(steps, legal)))

    assert (provider.calls, run.status) == (2, "running")
    (waits,) = StepRun.objects.filter(error__code="budget")
    assert waits.error["message"].startswith("This run has asked 2 questions")  # type: ignore[index]
    set_limits(legal, mona, calls_per_run=3)
    assert carried(run).status == "succeeded"


def test_who_owns_a_budget_is_asked_at_the_soft_limit_and_may_stop_it(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    olga = factories.make_user("Olga", legal, Role.OPERATOR)
    budget = budgets.set_budget(legal, limits={"soft_usd": Decimal("0.01")}, owner=olga, actor=mona)
    workflow = published([WRITE], legal, output=GIVES)
    for _ in range(2):
        carried(run_of(workflow))
    budgets.stop_budget(budget, actor=actor_for_user(olga))
    stopped = carried(run_of(workflow))

    assert list(Notice.objects.values_list("kind", "person")) == [("task", olga.pk)]
    assert "raise the limit, leave it as it is, or stop the work" in Notice.objects.get().text
    assert (stopped.status, provider.calls) == ("waiting", 2)
    assert step_of(stopped).error["message"].startswith("Olga has stopped what Legal spends on AI")  # type: ignore[index]
    assert budgets.let_go_on(budget, actor=actor_for_user(olga)) == 1
    assert carried(stopped).status == "succeeded"
    with pytest.raises(Conflict):
        budgets.let_go_on(budget, actor=mona)


def test_who_may_set_a_budget_and_to_what(legal: Department, mona: Actor) -> None:
    builder = actor_for_user(factories.make_user("Ben", legal, Role.BUILDER))
    with pytest.raises(PermissionDenied):
        set_limits(legal, builder, month_usd=Decimal(1))
    for limits, owner, field in [
        ({"month_usd": Decimal(1), "soft_usd": Decimal(2)}, None, "soft_usd"),
        ({"month_usd": Decimal(-1)}, None, "month_usd"),
        ({}, factories.make_user("Stranger"), "owner"),
    ]:
        with pytest.raises(ValidationError) as refused:
            budgets.set_budget(legal, limits=limits, owner=owner, actor=mona)
        assert list(refused.value.message_dict) == [field]


def test_calls_that_nobody_settled_are_counted_and_in_the_end_spent(
    legal: Department, provider: ScriptedProvider
) -> None:
    carried(run_of(published([WRITE], legal, output=GIVES)))
    ModelCall.objects.update(status="reserved", cost_usd=0)
    Spending.objects.update(spent_usd=0, reserved_usd=Decimal("0.5"))
    Cost.objects.all().delete()
    ModelCall.objects.update(reserved_usd=Decimal("0.5"))

    young = mending.settle_unknown()
    ModelCall.objects.update(at=Now() - timedelta(hours=2))
    lost = mending.settle_unknown()
    between = Spending.objects.get(subject=legal.pk).reserved_usd
    ModelCall.objects.update(at=Now() - timedelta(hours=25))
    old = mending.mend()
    ModelCall.objects.update(at=Now() - timedelta(days=93))
    mending.mend()

    assert (young, lost, between, old) == (0, 1, Decimal("0.5"), 1)
    assert not ModelCall.objects.exists()
    spending = Spending.objects.get(subject=legal.pk)
    assert (spending.spent_usd, spending.reserved_usd) == (Decimal("0.5"), 0)
    assert (Cost.objects.get().cost_usd, Cost.objects.get().calls) == (Decimal("0.5"), 1)


def test_a_model_that_fails_is_left_alone_probed_and_found_again(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    provider.reply = lambda _asked: fails(503)
    workflow = published([WRITE], legal, output=GIVES)
    model = AiModel.objects.get(name=MODEL)
    ModelCall.objects.bulk_create(_calls(legal, model.pk, 17))
    runs = [carried(run_of(workflow)) for _ in range(8)]

    to_open = provider.calls
    waiting = StepRun.objects.filter(error__code="breaker_open").count()
    Breaker.objects.update(open_until=Now() - timedelta(seconds=1))
    StepRun.objects.update(run_after=Now(), handed_out_at=None)
    for run in runs:
        carried(run)
    probes = provider.calls - to_open
    provider.reply = lambda _asked: writes("Here it is.")
    for _ in range(3):
        Breaker.objects.filter(open_until__isnull=False).update(open_until=Now() - timedelta(seconds=1))
        ModelCall.objects.update(at=Now() - timedelta(minutes=2))
        StepRun.objects.filter(status="ready").update(run_after=Now(), handed_out_at=None)
        for run in runs:
            carried(run)

    assert (to_open, waiting, probes) == (3, 5, 1)
    assert {run.status for run in runs} == {"succeeded"}
    assert Breaker.objects.get().open_until is None


def test_of_a_route_only_the_model_that_fails_is_left_alone(legal: Department, provider: ScriptedProvider) -> None:
    spare = factories.make_model(factories.make_provider("Spare", base_url=provider.base_url), "spare-1")
    first = AiModel.objects.get(name=MODEL)
    allowances.set_stops(ModelRoute.objects.create(name="writers"), [first, spare], actor=SYSTEM)
    ModelCall.objects.bulk_create(_calls(legal, first.pk, 20))

    def reply(asked: dict[str, Any]) -> Reply:
        return fails(500) if asked["model"] == MODEL else writes("From the spare.")

    provider.reply = reply
    step = {**WRITE, "with": {"instructions": "Announce it.", "model": "writers"}}
    workflow = published([step], legal, output=GIVES)

    runs = [carried(run_of(workflow)) for _ in range(2)]

    assert [run.status for run in runs] == ["succeeded"] * 2
    assert [asked["model"] for asked in provider.requests] == [MODEL, "spare-1", "spare-1"]
    assert [breaker.model.name for breaker in Breaker.objects.all()] == [MODEL]
    (call,) = step_of(runs[1]).tries.get().calls
    assert call["instead_of"] == [MODEL]


def _calls(legal: Department, model: Any, count: int) -> list[ModelCall]:
    """That have failed just now, each for another run."""
    some = factories.make_run().pk
    told: dict[str, Any] = {"department": legal, "workflow_id": some, "run_id": some, "step_id": some, "model": MODEL}
    told |= {"provider": "Far away", "model_row": model, "reserved_usd": 0, "status": "settled", "went": "fault"}
    now = timezone.now()
    return [ModelCall(month=now.date(), ended_at=now, **told) for _ in range(count)]


def test_another_model_behind_the_same_name_is_noted(legal: Department, provider: ScriptedProvider) -> None:
    workflow = published([WRITE], legal, output=GIVES)
    provider.script = [writes(name, model=f"large-1-{name}") for name in ("may", "may", "june")]

    runs = [carried(run_of(workflow)) for _ in range(3)]

    noted = JournalEntry.objects.filter(event="step.note").values_list("run", "detail__note")
    assert list(noted) == [
        (runs[2].pk, f'Far away answers as "large-1-june" now where it answered as "large-1-may" before: '
                     f'another model stands behind "{MODEL}".'),
    ]  # fmt: skip
    assert step_of(runs[2]).tries.get().calls[0]["changed_from"] == "large-1-may"


def test_who_can_do_something_about_a_provider_without_credit_is_told_once(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    robin = factories.make_user("Robin", is_superuser=True)
    provider.reply = lambda _asked: out_of_quota()
    workflow = published([WRITE], legal, output=GIVES)

    runs = [carried(run_of(workflow)) for _ in range(3)]

    assert [(run.status, run.error["code"]) for run in runs] == [("failed", "quota")] * 3  # type: ignore[index]
    assert provider.calls == 3
    told = Notice.objects.filter(kind="provider").order_by("person__name")
    assert [str(notice.person_id) for notice in told] == [mona.id, str(robin.pk)]
    assert "The credit at Far away is used up" in told[0].text


@pytest.mark.parametrize("on_page", [False, True])
def test_the_page_of_a_run_says_what_it_waits_for(
    legal: Department, mona: Actor, provider: ScriptedProvider, client: Client, on_page: bool
) -> None:
    set_limits(legal, mona, **({"month_usd": Decimal("0.01")} if on_page else {"run_usd": Decimal("0.01")}))
    run = carried(run_of(published([WRITE], legal, output=GIVES)))
    client.force_login(User.objects.get(pk=mona.id))

    page = client.get(f"/runs/{run.pk}/").content.decode()

    assert f"The budget of {'Legal' if on_page else 'this run'} does not reach" in page
    assert "Tries again" not in page


def test_a_call_whose_worker_died_is_counted_beside_the_one_that_was_made_again(
    legal: Department, provider: ScriptedProvider
) -> None:
    run = run_of(published([WRITE], legal, output=GIVES))
    work = claim(run)
    way = routing.choose("", legal.pk)
    Purse(paying.payer_of(work.journey, work.step, work.now)).put_aside(way, Decimal("0.25"))
    lose_the_worker(run, "write")

    carried(run)
    ModelCall.objects.filter(status="reserved").update(at=Now() - timedelta(hours=2))
    mending.settle_unknown()

    assert run.status == "succeeded"
    assert list(ModelCall.objects.order_by("id").values_list("status", "cost_usd")) == [
        ("unknown", Decimal("0.25")), ("settled", run.cost_usd),
    ]  # fmt: skip
    assert (Cost.objects.get().calls, Cost.objects.get().cost_usd) == (2, run.cost_usd + Decimal("0.25"))
    assert Spending.objects.get(subject=legal.pk).reserved_usd == Decimal("0.25")


def test_people_take_over_from_a_provider_that_is_left_alone(
    legal: Department, mona: Actor, provider: ScriptedProvider
) -> None:
    provider.reply = lambda _asked: fails(503)
    ModelCall.objects.bulk_create(_calls(legal, AiModel.objects.get(name=MODEL).pk, 19))
    workflow = published([WRITE], legal, output=GIVES)
    runs = [carried(run_of(workflow)) for _ in range(2)]

    switch_on(legal, provider="Far away", reason="Down.", actor=mona)
    for run in runs:
        carried(run)

    assert provider.calls == 1
    assert [task.why and task.why["code"] for task in Task.objects.all()] == ["manual_mode"] * 2
