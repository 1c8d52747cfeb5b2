"""The harness itself: rules are read as written, and every fault point of the engine is struck by some kill test."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ROOT
from departments.access import SYSTEM
from tests.faults import points
from tests.faults.points import Rule, Tally
from tests.faults.scenes import Scene
from workflows.models import Run, Task
from workflows.runtime.faults import POINTS
from workflows.services.subscriptions import Asked, set_up

KILLS = sorted(Path(__file__).parent.glob("test_kill_*.py"))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("in_completion_tx:kill9", Rule("in_completion_tx", "kill9")),
        ("in_completion_tx:kill9@3", Rule("in_completion_tx", "kill9", first=3, last=3)),
        ("in_completion_tx:stop:1.5@2+", Rule("in_completion_tx", "stop", 1.5, first=2)),
        ("in_completion_tx:raise@2-5%0.1", Rule("in_completion_tx", "raise", first=2, last=5, chance=0.1)),
    ],
)
def test_a_rule_is_read_as_it_is_written(text: str, rule: Rule) -> None:
    assert points.read(f" {text},\n") == (rule,)


@pytest.mark.parametrize(
    "text", ["nowhere:kill9", "in_completion_tx:melt", "in_completion_tx", "in_completion_tx:kill9@"]
)
def test_a_rule_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(points.BadRule):
        points.read(text)


def test_a_rule_strikes_at_its_hits_and_with_its_chance_the_same_way_for_one_seed() -> None:
    (some,) = points.read("in_completion_tx:kill9@2-900%0.5")

    struck = [hit for hit in range(1, 1000) if some.strikes(hit, "seed")]

    assert struck == [hit for hit in range(1, 1000) if some.strikes(hit, "seed")]
    assert struck != [hit for hit in range(1, 1000) if some.strikes(hit, "another")]
    assert 350 < len(struck) < 550
    assert struck[0] >= 2
    assert struck[-1] <= 900


def test_every_hit_has_a_number_of_its_own(tmp_path: Path) -> None:
    tally = Tally(tmp_path)

    assert [tally.count("in_completion_tx") for _ in range(3)] == [1, 2, 3]
    assert tally.hits() == {"in_completion_tx": 3}


STOPPED = """
import sys, time
from pathlib import Path
from tests.faults import points
from workflows.runtime.faults import fault_point
points.install("in_completion_tx:stop:0.7@2,commit_sent_ack_lost:kill9", Path(sys.argv[1]))
for _ in range(3):
    began = time.monotonic()
    fault_point("in_completion_tx")
    print(time.monotonic() - began > 0.6, flush=True)
fault_point("commit_sent_ack_lost")
print("never", flush=True)
"""


def test_a_process_is_stopped_and_goes_on_and_is_killed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["False", "True", "False"])
    assert [(strike.action, strike.hit) for strike in Tally(tmp_path).strikes()] == [("stop", 2), ("kill9", 1)]


@pytest.mark.parametrize("point", POINTS)
def test_every_fault_point_is_struck_by_a_kill_test(point: str) -> None:
    assert any(f'"{point}' in file.read_text() or f'"{point}:' in file.read_text() for file in KILLS)


@pytest.mark.django_db(transaction=True)
def test_every_fault_point_is_passed_by_work_of_all_kinds(scene: Scene) -> None:
    """Or the matrix above proves nothing: the names stand in the engine, and real processes come by them."""
    stack = scene.stack
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 0.5}}
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "Now?"}}
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2, 3]}, "steps": [scene.effect("item")]}
    both = {"id": "both", "kind": "flow.parallel", "arms": [{"steps": [scene.effect(f"arm{n}")]} for n in range(2)]}
    slug = scene.workflow([scene.effect("a", "unsafe", sleep_s=1.2), nap, both, each, ask])

    told = set_up(scene.department, Asked(f"{scene.sink.url}/effects/told", ["task.opened"]), actor=SYSTEM)
    waits, place = scene.listening()
    assert stack.call("POST", place, {"number": "1"}).status == 202

    kept, dropped = stack.start_runs(slug, 2)
    heard = stack.start_runs(waits, 1, {"number": "1"})
    stack.wait(lambda: Task.objects.filter(status="open").count() == 2, 15, "two questions")
    task = Task.objects.get(run_id=kept)
    assert stack.call("POST", f"tasks/{task.pk}/decide", {"decision": "approve"}).status == 200
    assert stack.call("POST", f"runs/{dropped}/cancel").status == 200
    stack.wait_for_end([kept, dropped, *heard], 10)
    stack.wait(lambda: told.subscription.deliveries.filter(status="sent").exists(), 10, "a told event")

    assert dict(Run.objects.filter(parent=None).values_list("status", "pk")).keys() == {"succeeded", "cancelled"}
    assert [point for point in POINTS if not stack.hits()[point]] == []
