"""What happens in a run is heard while it happens, by the real web server, and nobody can take its threads away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
from django.db import connection

from departments.access import SYSTEM
from departments.models import Department
from departments.tokens import revoke_token
from tests.web_server import web_server
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.api import streams, waiting
from workflows.models import JournalEntry, Run
from workflows.services.runs import cancel_run

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = [
    {"id": "a", "kind": "text.compose", "with": {"text": "x"}},
    {"id": "ok", "kind": "people.approve", "with": {"question": "All well?", "role": "approver"}},
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with web_server() as address:
        yield address.removeprefix("http://")


@pytest.fixture
def run(legal: Department) -> Run:
    return carried(run_of(published(WAIT, legal)))


class Listener:
    """One open stream; `events` reads to its end."""

    def __init__(self, address: str, program: Program, run: Run, last: int = 0) -> None:
        self.line = HTTPConnection(address, timeout=15)
        headers = {"Authorization": f"Bearer {program.secret}", **({"Last-Event-ID": str(last)} if last else {})}
        self.line.request("GET", f"/api/v1/runs/{run.pk}/events", headers=headers)
        self.answer: HTTPResponse = self.line.getresponse()

    def events(self) -> list[tuple[str, int, Any]]:
        found = []
        for block in self.answer.read().decode().split("\n\n"):
            said = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":") and line)
            if "event" in said:
                found.append((said["event"], int(said.get("id", 0)), json.loads(said["data"])))
        return found


def test_the_journal_is_heard_as_it_is_written_until_the_run_ends(address: str, program: Program, run: Run) -> None:
    listener = Listener(address, program, run)
    assert listener.answer.headers["Content-Type"] == "text/event-stream"
    threading.Timer(0.8, _cancel, [run]).start()
    heard = listener.events()

    written = [(row.event, row.seq) for row in JournalEntry.objects.filter(run=run).order_by("seq")]
    assert [(event, id) for event, id, _ in heard if id] == written
    assert [(event, data["status"]) for event, id, data in heard if not id] == [
        ("run", "waiting"),
        ("run.ended", "cancelled"),
    ]
    assert heard[-1][0] == "run.ended"

    again = Listener(address, program, run, last=written[-2][1])
    assert [id for _, id, _ in again.events() if id] == [written[-1][1]]
    assert Listener(address, program, run, last=written[-1][1]).answer.status == 204


def test_a_token_has_three_streams_and_they_never_take_all_threads(
    address: str, program: Program, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LASTS_S", 1.0)
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.2)
    others = [Program(program.department) for _ in range(3)]
    opened = [Listener(address, each, run) for each in (program, *others) for _ in range(3)]

    statuses = [each.answer.status for each in opened]
    assert statuses[:3] == [200] * 3
    assert statuses.count(200) == waiting.MOST_AT_ONCE
    refused = next(each for each in opened if each.answer.status == 429)
    assert int(refused.answer.headers["Retry-After"]) >= 5
    assert json.loads(refused.answer.read())["status"] == 429
    began = time.monotonic()
    assert program.get("me").status_code == 200
    line = HTTPConnection(address, timeout=5)
    line.request("GET", "/healthz")
    assert line.getresponse().status == 200
    assert time.monotonic() - began < 3
    assert b": still here" in opened[0].answer.read()
    for each in opened[1:]:
        each.answer.read()
    assert_all_places_are_back()


def test_who_goes_away_gives_the_place_back_and_who_is_revoked_hears_no_more(
    address: str, program: Program, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)
    gone = [Listener(address, program, run) for _ in range(3)]
    for each in gone:
        each.answer.close()
        each.line.close()
    assert_all_places_are_back()

    listener = Listener(address, program, run)
    revoke_token(program.token, actor=SYSTEM)
    listener.answer.read()
    assert_all_places_are_back()


def test_of_another_departments_run_nothing_is_heard(address: str, stranger: Program, run: Run) -> None:
    assert Listener(address, stranger, run).answer.status == 404
    assert_problem(stranger.get(f"runs/{run.pk}/events"), 404)


def _cancel(run: Run) -> None:
    cancel_run(run, actor=SYSTEM)
    connection.close()


def assert_all_places_are_back() -> None:
    end = time.monotonic() + 6
    while streams._held and time.monotonic() < end:
        time.sleep(0.05)
    assert not streams._held
