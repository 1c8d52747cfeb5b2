"""Who tells other systems dies between the request and the row that says so: told again, as the same event."""

from __future__ import annotations

from collections import Counter

import pytest

from departments.access import SYSTEM
from tests.faults import pace
from tests.faults.scenes import Scene
from workflows.models import Delivery
from workflows.services.subscriptions import Asked, set_up

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 3
RECOVERY_S = pace.DELIVERY_LEASE.total_seconds() + 15
SILENT = pace.rounds()[1:]
"""How often it dies, in a full run, while the other side has the request and is silent (P7)."""


def test_a_told_event_whose_sender_died_is_told_again_under_the_same_id(scene: Scene) -> None:
    set_up(scene.department, Asked(f"{scene.sink.url}/effects/told", ["run.succeeded"]), actor=SYSTEM)
    slug = scene.workflow([{"id": "a", "kind": "text.compose", "with": {"text": "Done"}}])
    scene.stack.strike("scheduler", "answered_before_settled:kill9@1")

    scene.stack.start_runs(slug, MANY)
    scene.stack.wait_for_strike("answered_before_settled")
    unsettled = set(arrived(scene)) - settled()
    for _ in SILENT:
        unsettled |= held_back(scene, slug)
    events = MANY * (1 + len(SILENT))
    scene.stack.wait(lambda: len(settled()) == events, RECOVERY_S, "every event was told")

    times = arrived(scene)
    assert unsettled, "nothing had arrived when it died"
    assert settled() <= times.keys(), "one id for each event"
    assert all(times[key] >= 2 for key in unsettled), "what nobody had written down was told again"
    bodies = {(record.key, record.body_sha256) for record in scene.sink.arrived(name="told")}
    assert len(bodies) == len(times), "word for word"


def held_back(scene: Scene, slug: str) -> set[str]:
    """What the other side had in its hands when it died."""
    scene.sink.behave(answer="hold")
    scene.stack.start_runs(slug, MANY)
    scene.stack.wait(lambda: scene.sink.held > 0, RECOVERY_S, "a request without an answer")
    unsettled = set(arrived(scene)) - settled()
    scene.stack.kill("scheduler")
    scene.sink.behave()
    return unsettled


def arrived(scene: Scene) -> Counter[str]:
    return Counter(record.key for record in scene.sink.arrived(name="told"))


def settled() -> set[str]:
    return {str(id) for id in Delivery.objects.filter(status="sent").values_list("pk", flat=True)}
