"""Web, worker and scheduler over a PostgreSQL server of the test's own: the stage of the cases D01 to D10."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis
from django.conf import settings
from django.db import connection

from tests import factories
from tests.faults import pace, witness
from tests.faults.invariants import check_invariants
from tests.faults.postgres import Server
from tests.faults.scenes import Scene
from tests.faults.sink import Sink
from tests.faults.stack import CANARIES, Stack
from workflows.models import Run

REFUSALS: Final = {0, 409, 503}
"""What a start may hear while the database is being hurt: a cut line, `still under way`, `the database is away`."""


def new_folder() -> Path:
    """Under the session's home. pytest's own folders are closed to PostgreSQL's user again by the next session."""
    (settings.ENV.home / "faults").mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=settings.ENV.home / "faults"))


def a_stack(folder: Path, database_url: str, broker_url: str) -> Stack:
    """Its messages are its own: another number on the session's broker."""
    return Stack(folder, database_url, f"{broker_url}?virtual_host=7")


@contextmanager
def scene_on(server: Server, stack: Stack, sink: Sink, *, min_succeeded: int = 1) -> Iterator[Scene]:
    """A department of one test on a stack of several, and the invariants over everything after it."""
    sink.clear()
    stack.calm()
    witness.install()
    department = factories.make_department(egress_hosts=[sink.egress])
    stack.sign_in(department)
    yield Scene(stack, sink, department)
    found = check_invariants(sink, min_succeeded, lease=pace.LEASE, canaries=CANARIES.values(), written=stack.written())
    witness.remove()
    connection.close()
    assert not found, "\n".join(found)


def busy_steps(scene: Scene) -> list[dict[str, Any]]:
    """A timer, an effect of each kind that may be repeated, items, and local steps between."""
    item = scene.effect("item", "pure")
    return [
        {"id": "nap", "kind": "flow.wait", "with": {"for_s": 0.3}},
        scene.effect("a", "keyed", sleep_s=0.2),
        {"id": "each", "kind": "flow.for_each", "with": {"items": [1, 2], "concurrency": 2}, "steps": [item]},
        {"id": "words", "kind": "text.compose", "with": {"text": "{{ steps.each.count }}"}},
        scene.effect("b", "checkable"),
    ]


@dataclass
class Starter:
    """A program that starts runs as a careful one does: each with a key, again and again until it hears 201."""

    scene: Scene
    slug: str
    heard: Counter[int] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)

    def start(self, count: int, *, pause_s: float = 0.0, patience_s: float = 120.0) -> list[str]:
        """Ids of runs that were accepted, in order. Never two for one key."""
        until = time.monotonic() + patience_s
        for number in range(count):
            key = f"{self.slug}-{len(self.ids)}-{number}"
            while True:
                answer = self.scene.stack.start_run(self.slug, key=key)
                self.heard[answer.status] += 1
                if answer.status == 201:
                    break
                assert answer.status in REFUSALS, answer
                assert time.monotonic() < until, f"no run was accepted for {patience_s:.0f} s: {self.heard}"
                time.sleep(0.2)
            self.ids.append(answer.body["id"])
            time.sleep(pause_s)
        return self.ids


@contextmanager
def repeatedly(blow: Callable[[], Any], every_s: float) -> Iterator[list[Any]]:
    """Strike again and again from another thread while the block runs; what the blows gave, or their errors."""
    over = threading.Event()
    given: list[Any] = []

    def strike() -> None:
        while not over.wait(every_s):
            try:
                given.append(blow())
            except Exception as error:
                given.append(error)

    thread = threading.Thread(target=strike, daemon=True)
    thread.start()
    try:
        yield given
    finally:
        over.set()
        thread.join(60)


def outcomes(ids: Sequence[str]) -> Counter[str]:
    return Counter(Run.objects.filter(pk__in=ids).values_list("status", flat=True))


def asked(stack: Stack, path: str, timeout_s: float = 60) -> tuple[int, dict[str, str], float]:
    """One GET over the wire: status, headers, seconds. Status 0: no answer within `timeout_s`."""
    began = time.monotonic()
    line = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=timeout_s)
    try:
        line.request("GET", path, headers={"Authorization": f"Bearer {stack.token}"})
        answer = line.getresponse()
        answer.read()
        return answer.status, dict(answer.getheaders()), time.monotonic() - began
    except OSError:
        return 0, {}, time.monotonic() - began
    finally:
        line.close()


def forget_messages(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url.replace("redis+socket://", "unix://")) as broker:
        broker.flushall()
