"""The step `feeds.read` in runs, against a real server: what is new is given once, and nothing is lost on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors.connections import Told, connect
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.connectors.net.servers import Authority, Server, answer, drips
from tests.workflows.runtime.harness import carried, done, published, run_of
from workflows.models import Run, StepRun, Taken, Workflow
from workflows.models.states import RunMode
from workflows.runtime import taking

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


ITEM = (
    "<item><guid isPermaLink='false'>n-{0}</guid><title>Number {0}</title><pubDate>Mon, {0:02} Nov 2026 10:00:00 GMT"
    "</pubDate><description>&lt;b&gt;Text&lt;/b&gt; {0}</description></item>"
)


class Paper:
    """A feed that people go on writing: numbers, the newest first."""

    def __init__(self) -> None:
        self.numbers: list[int] = [1, 2, 3]
        self.before: Any = lambda: None

    def answer(self, request: Request) -> Response:
        self.before()
        items = "".join(ITEM.format(number) for number in reversed(self.numbers))
        return Response(f'<rss version="2.0"><channel><title>Paper</title>{items}</channel></rss>', mimetype="text/xml")


@pytest.fixture
def paper(httpserver: HTTPServer) -> Paper:
    paper = Paper()
    httpserver.expect_request("/feed.xml", method="GET").respond_with_handler(paper.answer)
    return paper


@pytest.fixture
def workflow(legal: Department, paper: Paper, httpserver: HTTPServer) -> Workflow:
    return reading(legal, httpserver.url_for("/feed.xml"))


def reading(legal: Department, url: str, name: str = "Read", **more: Any) -> Workflow:
    return published([{"id": "read", "kind": "feeds.read", "with": {"url": url, **more}}], legal, name=name)


def numbers(run: Run) -> list[int]:
    assert run.status == "succeeded", run.error
    entries: list[dict[str, str]] = run.steps.get().output["entries"]
    return [int(entry["id"].removeprefix("n-")) for entry in entries]


def test_entries_are_given_with_their_texts(workflow: Workflow) -> None:
    output = carried(run_of(workflow)).steps.get().output

    assert (output["title"], output["count"], output["problems"]) == ("Paper", 3, [])
    assert output["entries"][0] == {
        "id": "n-3",
        "title": "Number 3",
        "link": "",
        "published": "2026-11-03T10:00:00+00:00",
        "updated": "",
        "author": "",
        "summary": "Text 3",
        "content": "",
    }


def test_what_an_earlier_run_was_given_does_not_come_again(workflow: Workflow, paper: Paper) -> None:
    first = carried(run_of(workflow))
    paper.numbers += [4, 5]
    second = carried(run_of(workflow))
    third = carried(run_of(workflow))

    assert [numbers(run) for run in (first, second, third)] == [[3, 2, 1], [5, 4], []]


def test_of_more_than_are_read_at_once_the_older_come_first_and_the_rest_next(
    legal: Department, paper: Paper, httpserver: HTTPServer
) -> None:
    workflow = reading(legal, httpserver.url_for("/feed.xml"), most=2)

    given = [numbers(carried(run_of(workflow))) for _ in range(3)]

    assert given == [[2, 1], [3], []]


def test_a_repeat_after_a_crash_gives_the_same_and_the_next_run_the_rest(
    workflow: Workflow, paper: Paper, httpserver: HTTPServer
) -> None:
    run = run_of(workflow)

    def worker_is_lost() -> None:
        """While the step reads, its claim goes to another worker; what it then gives is discarded."""
        paper.before = lambda: paper.numbers.append(4)
        lost = {"claim_token": uuid4(), "lease_until": Now() - timedelta(seconds=1)}
        StepRun.objects.filter(run=run).update(**lost)
        connection.close()

    paper.before = worker_is_lost
    run = carried(run)
    paper.before = lambda: None

    assert len(httpserver.log) == 2
    assert numbers(run) == [3, 2, 1]
    assert numbers(carried(run_of(workflow))) == [4]


def test_what_a_step_took_that_failed_is_free_again(workflow: Workflow) -> None:
    first = carried(run_of(workflow))
    StepRun.objects.filter(run=first).update(status="failed")

    assert numbers(carried(run_of(workflow))) == [3, 2, 1]
    assert Taken.objects.filter(run=first).count() == 0


def test_a_test_takes_nothing(workflow: Workflow) -> None:
    test = run_of(workflow)
    Run.objects.filter(pk=test.pk).update(mode=RunMode.TEST)

    assert numbers(carried(test)) == [3, 2, 1]
    assert numbers(carried(run_of(workflow))) == [3, 2, 1]


def test_each_workflow_reads_for_itself_and_the_latest_may_be_read_each_time(
    workflow: Workflow, legal: Department, httpserver: HTTPServer
) -> None:
    url, latest = httpserver.url_for("/feed.xml"), {"which": "latest", "most": 2, "since": "2026-11-02"}
    other = reading(legal, url, "Other", **latest)

    given = [numbers(carried(run_of(each))) for each in (workflow, other, other)]

    assert given == [[3, 2, 1], [3, 2], [3, 2]]


def test_what_the_feed_has_not_told_for_a_year_is_forgotten(workflow: Workflow, paper: Paper) -> None:
    carried(run_of(workflow))
    Taken.objects.update(taken_at=Now() - taking.REMEMBERED - timedelta(days=1))
    paper.numbers = [3, 4]

    assert numbers(carried(run_of(workflow))) == [4]
    assert Taken.objects.count() == 2


def test_two_runs_at_the_same_moment_share_what_is_new(workflow: Workflow, paper: Paper) -> None:
    runs = [run_of(workflow), run_of(workflow)]
    takers = [taking.Taker(run, "read", "read", "feed") for run in runs]
    given: list[list[str]] = []

    def take(taker: taking.Taker) -> None:
        given.append(taker.take([str(number) for number in range(100)], 100))
        connection.close()

    threads = [threading.Thread(target=take, args=(taker,)) for taker in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(int(key) for part in given for key in part) == list(range(100))


def test_a_feed_that_asks_who_is_there_is_read_by_a_connection(
    legal: Department, paper: Paper, httpserver: HTTPServer
) -> None:
    signed = {"Authorization": "Bearer unheard-of-token"}
    httpserver.expect_request("/inside.xml", headers=signed).respond_with_handler(paper.answer)
    told = Told("Desk", {"address": httpserver.url_for("/")}, {"secret": "unheard-of-token"})
    connect(legal, "http", told, actor=SYSTEM)

    run = carried(run_of(reading(legal, "/inside.xml", connection="desk")))

    assert numbers(run) == [3, 2, 1]
    assert "unheard-of-token" not in repr([list(run.steps.values()), *[list(run.steps.get().tries.values())]])


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """Who is here was not to be reached."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def failed(legal: Department, url: str, **more: Any) -> dict[str, Any]:
    step = {"id": "read", "kind": "feeds.read", "with": {"url": url}, "retry": {"attempts": 1}, **more}
    error = done([step], department=legal).steps.get().error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "rejected", "nothing lies there that can be read"),
        (403, "auth_failed", "Choose a connection"),
        (500, "unavailable", "a problem of its own"),
        (429, "rate_limited", "come back later"),
    ],
)
def test_what_a_status_means_is_said(
    status: int, code: str, said: str, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/gone").respond_with_data("no", status=status)

    error = failed(legal, httpserver.url_for("/gone?key=of-ours"))

    assert error["code"] == code
    assert said in error["message"]
    assert "of-ours" not in error["message"]


def test_a_web_page_is_named_as_one(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("<!doctype html><html><title>News</title>", mimetype="text/html")

    assert "it is a web page, no feed" in failed(legal, httpserver.url_for("/"))["message"]


def test_a_redirect_into_our_own_network_connects_to_nobody(
    legal: Department, httpserver: HTTPServer, canary: socket.socket
) -> None:
    inside = f"http://127.0.0.1:{canary.getsockname()[1]}/"
    httpserver.expect_request("/feed.xml").respond_with_data(status=302, headers={"Location": inside})

    assert failed(legal, httpserver.url_for("/feed.xml"))["code"] == "bad_params"
    with pytest.raises(TimeoutError):
        canary.accept()


@pytest.fixture
def dripping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("connectors.net.LONGEST_WAIT_S", 0.5)
    server = Server(drips(b"HTTP/1.1 200 OK\r\n\r\n<rss>", b" "))
    yield server
    server.close()


def test_one_who_drips_is_cut_at_the_end_of_the_time(dripping: Server) -> None:
    legal = factories.make_department("Legal", egress_hosts=[dripping.entry])

    assert failed(legal, f"{dripping.url}/feed.xml")["code"] == "unavailable"


def test_a_certificate_of_somebody_else_is_said(tmp_path: Path) -> None:
    server = Server(answer(body=b"<rss/>"), Authority(tmp_path).server("other.example"))
    legal = factories.make_department("Legal", egress_hosts=[server.entry])

    error = failed(legal, f"{server.url}/feed.xml")
    server.close()

    assert error["code"] == "unavailable"
    assert "not who it says it is" in error["message"]
