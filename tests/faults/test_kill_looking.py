"""The scheduler dies while a trigger looks, between the runs that the look starts, or right after them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db.models.functions import Now
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from departments.access import SYSTEM
from departments.models import Department
from tests.faults import pace
from tests.faults.scenes import Scene
from workflows.models import Run, Trigger, TriggerEvent, Workflow
from workflows.services.triggers import Wanted, set_up

pytestmark = pytest.mark.django_db(transaction=True)

RECOVERY_S = pace.LOOK_LEASE.total_seconds() + 20


class Feed:
    """Holds its answer back while `held` is set."""

    def __init__(self) -> None:
        self.names = ["old"]
        self.asked = 0
        self.free = threading.Event()
        self.free.set()

    def answer(self, request: Request) -> Response:
        self.asked += 1
        self.free.wait(20)
        items = "".join(f"<item><guid>{name}</guid><title>{name}</title></item>" for name in reversed(self.names))
        return Response(f'<rss version="2.0"><channel>{items}</channel></rss>', mimetype="text/xml")


@pytest.fixture
def feed(httpserver: HTTPServer) -> Iterator[Feed]:
    made = Feed()
    httpserver.expect_request("/feed.xml").respond_with_handler(made.answer)
    yield made
    made.free.set()


@pytest.fixture
def trigger(scene: Scene, feed: Feed, httpserver: HTTPServer) -> Trigger:
    """It has looked once."""
    hosts = [*scene.department.egress_hosts, f"private:http://127.0.0.1:{httpserver.port}"]
    Department.objects.filter(pk=scene.department.pk).update(egress_hosts=hosts)
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.title }}"}}
    slug = scene.workflow([step], inputs={"title": {"type": "text"}}, output={"text": "{{ steps.a.text }}"})
    workflow = Workflow.objects.select_related("department").get(slug=slug)
    wanted = Wanted(settings={"url": httpserver.url_for("/feed.xml")})
    made = set_up(workflow, "feeds.entry", wanted, actor=SYSTEM)[0]
    scene.stack.wait(lambda: Trigger.objects.get().state != {}, 20, "the first look")
    return made


@pytest.mark.parametrize("when", ["while it looks", "between the runs", "after the runs"])
@pytest.mark.parametrize("_", pace.rounds())
def test_each_entry_starts_one_run_whenever_the_scheduler_dies(
    scene: Scene, feed: Feed, trigger: Trigger, when: str, _: int
) -> None:
    asked = feed.asked
    feed.names += ["one", "two", "three"]
    point = {"between the runs": "before_run_commit", "after the runs": "run_committed_before_publish"}.get(when)
    if point:
        scene.stack.strike("scheduler", f"{point}:kill9@2")
    else:
        feed.free.clear()

    Trigger.objects.update(next_at=Now())
    if point:
        scene.stack.wait_for_strike(point)
        assert TriggerEvent.objects.count() == (0 if when == "between the runs" else 3), "all or nothing"
    else:
        scene.stack.wait(lambda: feed.asked > asked, 10, "the look")
        scene.stack.kill("scheduler")
        feed.free.set()
    scene.stack.wait(lambda: Run.objects.filter(status="succeeded").count() == 3, RECOVERY_S, "the runs")
    Trigger.objects.update(next_at=Now())
    scene.stack.wait(lambda: Trigger.objects.filter(next_at__gt=Now(), busy_until=None).exists(), RECOVERY_S, "a look")

    assert [run.output["text"] for run in Run.objects.order_by("id")] == ["one", "two", "three"]
    assert TriggerEvent.objects.filter(outcome="started").count() == TriggerEvent.objects.count() == 3
