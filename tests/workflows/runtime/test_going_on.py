"""Going on with what stopped, and ending what nobody waits for: each was once found broken by the state machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sdk import Rejected, Unavailable
from departments.access import SYSTEM
from tests.steps import probes
from tests.workflows.runtime.harness import carried, done, published, run_of, silent_broker, statuses
from tests.workflows.runtime.test_faults import failing, lose_the_worker, probe
from workflows.models import Run, StepRun, Task
from workflows.runtime import store, worker
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run, retry_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


def each(*steps: dict[str, Any], concurrency: int = 1, **rest: Any) -> dict[str, Any]:
    return {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": ["x", "y", "z"], "concurrency": concurrency, **rest},
        "steps": [*steps],
    }


def test_what_is_parked_inside_an_item_can_be_gone_on_with() -> None:
    """R13-a"""
    run = run_of(published([each(probe("a", kind="probe.unsafe"))]))
    with silent_broker():
        worker.begin(run.pk)
        child = Run.objects.get(parent=run, held=False)
        work = worker.begin(child.pk)
    store.announce_effect(work.step)
    lose_the_worker(child, "a")
    carried(run)
    assert child.steps.get().status == "parked"

    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)

    assert run.status == "succeeded"


def test_a_question_that_a_caught_failure_made_pointless_is_closed() -> None:
    """R13-b"""
    probes.DEEDS["b"] = failing(Rejected("no"))
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it?"}}
    both = {"id": "p", "kind": "flow.parallel", "arms": [{"steps": [ask]}, {"steps": [probe("b")]}]}
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}

    done([{"id": "t", "kind": "flow.attempt", "steps": [both], "rescue": [nap]}])

    assert Task.objects.get().status == "cancelled"


def test_items_of_a_list_that_a_caught_failure_dropped_stop() -> None:
    """R13-c"""
    probes.DEEDS["b"] = failing(Rejected("no"))
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}
    both = {"id": "p", "kind": "flow.parallel", "arms": [{"steps": [each(nap)]}, {"steps": [probe("b")]}]}
    rest = {"id": "rest", "kind": "flow.wait", "with": {"for_s": 3600}}

    run = done([{"id": "t", "kind": "flow.attempt", "steps": [both], "rescue": [rest]}])

    assert set(Run.objects.filter(parent=run).values_list("status", flat=True)) == {"cancelled"}


def test_a_failed_list_that_goes_on_keeps_to_its_number_of_items_at_once() -> None:
    """R13-d"""
    probes.DEEDS["work"] = failing(Rejected("no"), times=1)
    run = done([each(probe("work"))])

    with silent_broker():
        retry_run(run, actor=SYSTEM)

    assert Run.objects.filter(parent=run, status="queued", held=False).count() == 1


def test_going_on_does_not_repeat_what_a_rescue_has_made_good() -> None:
    """R13-e"""
    probes.DEEDS["a"] = failing(Rejected("no"), times=1)
    probes.DEEDS["c"] = failing(Rejected("no"), times=1)
    run = done([{"id": "t", "kind": "flow.attempt", "steps": [probe("a")], "rescue": [probe("b")]}, probe("c")])
    assert (run.status, statuses(run)["t/steps/a"]) == ("failed", "failed")

    with silent_broker():
        retry_run(run, actor=SYSTEM)
    carried(run)

    assert run.status == "succeeded"
    assert [path for _, path in probes.SENT] == ["t/steps/a", "t/rescue/b", "c", "c"]


def test_one_item_is_not_cancelled_alone() -> None:
    """R13-f: nobody would let the next item begin, or wake the step that waits for them all."""
    run = run_of(published([each({"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}, keep_going=True)]))
    carried(run)
    first = Run.objects.get(parent=run, held=False)

    with pytest.raises(Conflict, match="Cancel the run around it"):
        cancel_run(first, actor=SYSTEM)


def test_an_unsafe_effect_that_may_have_happened_is_not_repeated_after_an_error() -> None:
    """R13-g"""

    def cut(ctx: Any) -> None:
        ctx.before_effect()
        raise Unavailable("The line was cut.", maybe_done=True)

    probes.DEEDS["a"] = cut

    done([probe("a", kind="probe.unsafe", retry={"attempts": 3, "first_delay_s": 0, "longest_s": 0})])

    assert len(probes.SENT) == 1


def test_an_unsafe_effect_that_may_have_happened_is_not_repeated_after_its_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R13-h"""
    import threading
    import time

    gate = threading.Event()

    def stuck(ctx: Any) -> None:
        ctx.before_effect()
        gate.wait(20)

    probes.DEEDS["a"] = stuck
    run = run_of(
        published(
            [probe("a", kind="probe.unsafe", timeout_s=1, retry={"attempts": 2, "first_delay_s": 0, "longest_s": 0})]
        )
    )
    with silent_broker():
        thread = threading.Thread(target=worker.look, args=("run", run.pk))
        thread.start()
        deadline = time.monotonic() + 15
        while (
            not StepRun.objects.filter(run=run).exclude(status="running").exists()
            and len(probes.SENT) < 2
            and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        time.sleep(0.5)
        sent = len(probes.SENT)
        gate.set()
        thread.join()

    assert sent == 1
    assert run.steps.get().status == "parked"
