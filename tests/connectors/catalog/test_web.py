"""The step `web.read` in runs, against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from departments.models import Department
from tests import factories
from tests.connectors.documents import samples
from tests.workflows.runtime.harness import done
from workflows.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "<!doctype html><title>News</title><nav>Menu</nav><main><p>It happened.</p><a href='/more'>More</a></main>"


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


def read(legal: Department, url: str, **more: Any) -> Run:
    step = {"id": "read", "kind": "web.read", "with": {"url": url, **more}, "retry": {"attempts": 1}}
    return done([step], department=legal, name=f"Read {url}"[:60])


def test_a_page_is_read_where_it_really_lies(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/old").respond_with_data(status=301, headers={"Location": "/news?key=of-ours"})
    httpserver.expect_request("/news").respond_with_data(PAGE, mimetype="text/html")

    run = read(legal, httpserver.url_for("/old"), with_links=True)

    assert run.steps.get().output == {
        "title": "News",
        "text": "It happened.\n\nMore",
        "address": httpserver.url_for("/news"),
        "links": [{"text": "More", "address": httpserver.url_for("/more")}],
        "problems": [],
    }


def test_a_document_at_an_address_is_read_too(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/terms").respond_with_data(samples.pdf("The terms"), mimetype="application/pdf")

    output = read(legal, httpserver.url_for("/terms")).steps.get().output

    assert (output["text"].strip(), output["links"]) == ("The terms", [])


def test_what_is_not_listed_or_nothing_to_read_is_said(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/logo").respond_with_data(b"\x89PNG\r\n", mimetype="image/png")

    errors = [read(legal, url).steps.get().error for url in (httpserver.url_for("/logo"), "http://127.0.0.1:9/")]

    assert [error["code"] for error in errors if error] == ["bad_params", "bad_params"]
    assert errors[0] is not None
    assert '/logo" was not read: it is a PNG picture' in errors[0]["message"]
