"""M14: the worker dies while a model works on its question (P7): asked once more, and both questions are paid for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.db.models import Sum
from django.db.models.functions import Now

from connectors import mending
from connectors.models import Cost, ModelCall, Spending
from connectors.models_gateway import cost
from connectors.models_gateway.request import Prices
from departments.access import SYSTEM
from tests import factories
from tests.faults import pace
from tests.faults.scenes import Scene, attempts, lost
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, gives, scripted_provider
from workflows.models import Run

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 2
"""Questions that are out when the worker dies."""
PRICE = Decimal(1_000)
BILLED = (12, 5)
RECOVERY_S = pace.LEASE.total_seconds() + 20
WRITE: dict[str, Any] = {"id": "a", "kind": "ai.write", "with": {"instructions": "Announce visitor {{ inputs.n }}."}}


class Slow:
    """Holds back its answers until it is told to go on. Every question is worked on, heard or not, and so is billed."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self.provider = provider
        self.may_answer = Event()
        provider.reply = self._reply

    def _reply(self, _asked: dict[str, Any]) -> Reply:
        self.may_answer.wait(60)
        return gives({"text": "Here it is."}, usage=BILLED)

    def asked(self) -> Counter[str]:
        """Question → how often it came."""
        return Counter(str(asked["messages"]) for asked in self.provider.requests)

    def bill(self) -> Decimal:
        return self.provider.calls * cost.cost_usd(*BILLED, Prices(PRICE, PRICE))


@pytest.fixture
def slow(scene: Scene, scripted_provider: ScriptedProvider) -> Iterator[Slow]:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True, price_in=PRICE, price_out=PRICE)
    provider = Slow(scripted_provider)
    yield provider
    provider.may_answer.set()


def test_m14_a_question_whose_worker_dies_is_asked_once_more_and_both_are_paid_for(scene: Scene, slow: Slow) -> None:
    slug = scene.workflow([WRITE], inputs={"n": {"type": "number"}})
    kills = pace.rounds()

    for kill in kills:
        kill_the_worker_while_it_asks(scene, slow, slug, kill)

    runs = len(kills) * AT_ONCE
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert slow.asked().most_common()[-1][1] == slow.asked().most_common()[0][1] == 2, "each was asked twice"
    assert (len(slow.asked()), lost(), attempts()) == (runs, runs, {1})
    assert sorted(ModelCall.objects.values_list("status", flat=True)) == ["reserved"] * runs + ["settled"] * runs
    assert slow.provider.calls == ModelCall.objects.count()
    assert_is_counted(slow)


def kill_the_worker_while_it_asks(scene: Scene, slow: Slow, slug: str, kill: int) -> None:
    before = slow.provider.calls
    slow.may_answer.clear()
    runs = [scene.stack.start_runs(slug, 1, {"n": kill * AT_ONCE + n})[0] for n in range(AT_ONCE)]
    scene.stack.wait(lambda: slow.provider.calls == before + AT_ONCE, 15, f"{AT_ONCE} questions without an answer")
    scene.stack.kill("worker")
    slow.may_answer.set()
    scene.stack.wait_for_end(runs, RECOVERY_S)
    scene.stack.calm()  # who dies again and again is started again ever later


def assert_is_counted(slow: Slow) -> None:
    """At first by what the lost ones may have cost; exactly, when an administrator has entered what they did cost."""
    ModelCall.objects.filter(status="reserved").update(at=Now() - timedelta(hours=2))
    while mending.settle_unknown():
        pass
    estimated = counted()
    for call in ModelCall.objects.filter(status="unknown"):
        mending.settle_by_hand(call, cost.cost_usd(*BILLED, Prices(PRICE, PRICE)), actor=SYSTEM)

    calls, bill = slow.provider.calls, slow.bill()
    assert estimated[0] == calls
    assert estimated[1] >= bill
    assert counted() == (calls, bill)
    spent = Spending.objects.filter(month__gt="2000-01-01").values_list("spent_usd", "reserved_usd")
    assert set(spent) == {(bill, 0)}, "of the department and of the workflow"


def counted() -> tuple[int, Decimal]:
    total = Cost.objects.aggregate(calls=Sum("calls"), usd=Sum("cost_usd"))
    return total["calls"], total["usd"]
