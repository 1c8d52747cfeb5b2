"""Steps that use a connection: signed in, their department's own, refused with a sentence where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from connectors.connections import Told, connect, remove
from connectors.models import Connection, Health
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import carried, done, published, run_of
from workflows.models import Run
from workflows.services.connection_uses import Use, how_many_uses, uses
from workflows.services.refusals import ValidationError

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "tok-9b1c-unheard-of"


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def archive(legal: Department, httpserver: HTTPServer) -> Connection:
    told = Told("Archive", {"address": httpserver.url_for("/v1/")}, {"secret": TOKEN})
    return connect(legal, "http", told, actor=SYSTEM)


def asking(**more: Any) -> list[dict[str, Any]]:
    return [{"id": "ask", "kind": "http.request", "with": {"connection": "archive", "url": "/articles", **more}}]


def everything(run: Run) -> str:
    steps = [list(run.steps.values()), *[list(step.tries.values()) for step in run.steps.all()]]
    return repr([Run.objects.filter(pk=run.pk).values().get(), steps])


def test_a_step_asks_below_the_address_signed_in(
    archive: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    signed = {"Authorization": f"Bearer {TOKEN}"}
    httpserver.expect_request("/v1/articles", headers=signed).respond_with_json({"echo": TOKEN})

    run = done(asking(), department=legal)

    assert run.status == "succeeded"
    assert run.steps.get().output["data"] == {"echo": "[secret]"}
    assert TOKEN not in everything(run)
    archive.refresh_from_db()
    assert archive.last_used_at is not None


def test_an_address_elsewhere_in_the_step_is_refused(
    archive: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    run = done(asking(url=f"http://localhost:{httpserver.port}/steal"), department=legal)

    assert (run.status, httpserver.log) == ("failed", [])
    assert "its credentials are not sent to" in (run.error or {})["message"]


def test_one_that_is_not_accepted_any_more_shows_under_connections(
    archive: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/articles").respond_with_data("", status=401)

    run = done(asking(), department=legal)

    archive.refresh_from_db()
    assert (run.error or {})["code"] == "auth_failed"
    assert (archive.health, archive.health_said) == (Health.FAILS, (run.error or {})["message"])


def test_one_that_was_removed_meanwhile_fails_the_step_with_a_sentence(archive: Connection, legal: Department) -> None:
    run = run_of(published(asking(), legal))
    remove(archive, actor=SYSTEM)

    run = carried(run)

    assert (run.error or {})["message"].startswith("The connection “archive” was removed.")


def test_a_draft_that_names_none_or_another_departments_is_not_published(
    archive: Connection, httpserver: HTTPServer
) -> None:
    other = factories.make_department("Marketing")
    with pytest.raises(ValidationError, match="There is no connection “archive” here"):
        published(asking(), other)


def test_where_it_is_used(archive: Connection, legal: Department) -> None:
    live = published(asking(), legal, name="Live")
    inside = [{"id": "each", "kind": "flow.for_each", "with": {"items": ["a"]}, "do": asking()}]
    draft = published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], legal, name="Draft")
    draft.draft = {**draft.draft, "steps": inside}
    draft.save()
    published([{"id": "a", "kind": "text.compose", "with": {"text": "archive"}}], legal, name="Another")

    assert uses(archive) == [Use(live, is_live=True), Use(draft, is_live=False)]
    assert how_many_uses([archive]) == {archive.pk: 2}
