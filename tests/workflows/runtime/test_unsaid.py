"""No secret in what a step leaves behind: result, error, calls, what a model was asked (cases X02, X05, X07)."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from connectors import scrubbing
from connectors.scrubbing import Scrubber
from departments.models import Department
from tests import factories
from tests.scripted_provider import MODEL, ScriptedProvider, gives, scripted_provider
from tests.workflows.runtime.harness import done
from workflows.models import Run

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "qz9/unheard-of+token"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_known", Scrubber([TOKEN]))


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def everything(run: Run) -> str:
    """All that lies in the run's rows."""
    steps = [list(run.steps.values()), *[list(step.tries.values()) for step in run.steps.all()]]
    return repr([Run.objects.filter(pk=run.pk).values().get(), steps])


def asks(legal: Department, server: HTTPServer, path: str) -> Run:
    address = f"http://127.0.0.1:{server.port}"
    Department.objects.filter(pk=legal.pk).update(egress_hosts=[f"private:{address}"])
    legal.refresh_from_db()
    return done([{"id": "ask", "kind": "http.request", "with": {"url": f"{address}{path}"}}], department=legal)


def test_what_another_system_echoes_is_kept_without_the_secret(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/echo").respond_with_json({"you": f"sent {TOKEN}", TOKEN: 1}, headers={"X-Echo": TOKEN})

    run = asks(legal, httpserver, "/echo")

    assert run.status == "succeeded"
    assert TOKEN not in everything(run)
    assert run.steps.get().output["data"] == {"you": "sent [secret]", "[secret]": 1}


def test_an_error_that_quotes_it_is_kept_without_it(legal: Department, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/refuses").respond_with_data(f"bad token {TOKEN}", status=422)

    run = asks(legal, httpserver, "/refuses")

    assert run.status == "failed"
    assert "[secret]" in str(run.error)
    assert TOKEN not in everything(run)


def test_no_model_is_asked_with_it(legal: Department, scripted_provider: ScriptedProvider) -> None:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    scripted_provider.script = [gives({"text": f"It says {TOKEN}."})]

    run = done(
        [{"id": "write", "kind": "ai.write", "with": {"instructions": "Write.", "material": TOKEN}}], department=legal
    )

    assert TOKEN not in repr(scripted_provider.requests)
    assert TOKEN not in repr(run.steps.get().output)
