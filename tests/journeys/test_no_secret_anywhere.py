"""A secret that other systems echo, in every form it travels in, stands nowhere in what Tandem keeps, writes or shows.

Cases X01 to X03 and X05: a run that succeeds with it, runs that fail over it, a test of the connection, an exception.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections import deque
from collections.abc import Iterator
from io import StringIO
from urllib.parse import quote, quote_plus

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors import scrubbing
from connectors.connections import Told, connect, try_out
from departments.access import SYSTEM
from departments.models import Department, Role, User
from tests import factories
from tests.workflows.api.program import Program
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = 'tok/9b1c+un"heard=of'
PAIR = base64.b64encode(b"ada:" + SECRET.encode()).decode()
FORMS = {
    "plain": SECRET,
    "json": json.dumps(SECRET)[1:-1],
    "address": quote(SECRET),
    "query": quote_plus(SECRET),
    "hexadecimal": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode().rstrip("="),
    "base64 of a pair": PAIR[8:-4],
}
MOST_PAGES = 25
LINKS = re.compile(r'(?:href|hx-get)="(/[^"#]*)')
NOT_FOLLOWED = re.compile(r"^/(static|accounts|media|hooks|metrics)|logout|jsi18n|/files/")


def found_in(text: str) -> set[str]:
    return {name for name, form in FORMS.items() if form in text}


def echoes(request: Request) -> Response:
    """A careless service: says what it was told, in every form, with the status that the path asks for."""
    told = {**FORMS, "you_sent": request.headers.get("Authorization", ""), "base64 of a pair": PAIR}
    status = int(request.path.rpartition("/")[2] or 200)
    return Response(json.dumps(told), status, {"X-Echo": SECRET}, "application/json")


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    httpserver.expect_request(re.compile("/v1/")).respond_with_handler(echoes)
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the product's own handler writes, with its own filter."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(scrubbing.LogFilter())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def runs(legal: Department, httpserver: HTTPServer, log: StringIO) -> list[Run]:
    told = Told("Archive", {"address": httpserver.url_for("/v1/")}, {"secret": SECRET})
    archive = connect(legal, "http", told, actor=SYSTEM)
    try_out(archive, actor=SYSTEM)
    ended = []
    for status in (200, 400, 401, 500):
        given = {"connection": "archive", "url": f"/{status}", "method": "POST", "body_json": {"n": 1}}
        step = {"id": "ask", "kind": "http.request", "with": given, "retry": {"attempts": 1}}
        ended.append(carried(run_of(published([step], legal, name=f"Answers {status}"))))
    try:
        raise ConnectionError(f"https://ada:{quote(SECRET)}@archive.example/ refused {SECRET!r}")
    except ConnectionError:
        logging.getLogger("workflows").exception(
            "asked with %s %s", " ".join(each for name, each in FORMS.items() if "pair" not in name), PAIR
        )
    return ended


def test_every_handler_of_the_product_scrubs() -> None:
    filters = {name for name, each in settings.LOGGING["filters"].items() if each["()"].endswith("scrubbing.LogFilter")}

    assert all(filters & set(handler["filters"]) for handler in settings.LOGGING["handlers"].values())


def test_it_stands_in_no_row_and_in_no_line(runs: list[Run], log: StringIO, httpserver: HTTPServer) -> None:
    assert [run.status for run in runs] == ["succeeded", "failed", "failed", "failed"]
    assert all(SECRET in request.headers["Authorization"] for request, _ in httpserver.log)
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = {name: _as_text(cursor, name) for name in tables}

    assert "[secret]" in rows["workflows_steprun"]
    assert {name: found for name, text in rows.items() if (found := found_in(text))} == {}
    assert "asked with" in log.getvalue()
    assert found_in(log.getvalue()) == set()
    if settings.ENV.embeds_database:
        assert found_in((settings.ENV.home / "log" / "postgres.log").read_text()) == set()


def _as_text(cursor: object, table: str) -> str:
    cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" AS t')  # type: ignore[attr-defined]
    return cursor.fetchone()[0] or ""  # type: ignore[attr-defined]


def test_no_page_shows_it_to_anybody(runs: list[Run], legal: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not a process that has never opened the secret, and so knows nothing to take out."""
    monkeypatch.setattr(scrubbing, "_known", scrubbing.Scrubber())
    everybody = {role: factories.make_user(f"A {role}", legal, Role(role)) for role in Role.values}
    everybody["auditor"] = factories.make_user("Robin", is_auditor=True)
    everybody["administrator"] = factories.make_user("Kim", is_superuser=True, is_staff=True)
    begin = ["/", "/connections/", "/admin/", *[f"/runs/{run.pk}/" for run in runs]]

    for role, person in everybody.items():
        pages = crawled(person, begin)
        assert len(pages) >= 4, role
        assert {path: found for path, text in pages.items() if (found := found_in(text))} == {}, role


def crawled(person: User, begin: list[str]) -> dict[str, str]:
    """Path → page, along the links."""
    client = Client()
    client.force_login(person)
    pages: dict[str, str] = {}
    to_do, seen = deque(begin), set(begin)
    while to_do and len(pages) < MOST_PAGES:
        path = to_do.popleft()
        answer = client.get(path, follow=True)
        if answer.status_code != 200 or answer.streaming:
            continue
        pages[path] = answer.content.decode(errors="replace")
        for link in LINKS.findall(pages[path]):
            if link not in seen and not NOT_FOLLOWED.search(link):
                seen.add(link)
                to_do.append(link)
    return pages


def test_no_answer_of_the_api_tells_it(runs: list[Run], legal: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_known", scrubbing.Scrubber())
    lists = ["connections", "workflows", "runs", "tasks", "ledger", "step-kinds", "connectors", "me"]
    single = [f"runs/{run.pk}{more}" for run in runs for more in ("", "/journal", "/record")]

    for role in Role.values:
        program = Program(legal, role, name=f"Archive {role}")
        answers = {path: program.get(path) for path in (*lists, *single)}
        assert sum(answer.status_code == 200 for answer in answers.values()) >= 12, role
        assert {path for path, answer in answers.items() if found_in(answer.content.decode())} == set(), role
