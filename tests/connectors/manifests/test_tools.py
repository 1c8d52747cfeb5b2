"""The tools of an MCP server as steps of workflows, against a real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from pytest_httpserver import HTTPServer

from connectors import imports, made, net
from connectors.connections import Told, connect, try_out
from connectors.manifests.mcp_session import OverHttp, Session
from connectors.models import Manifest
from connectors.sdk import AuthFailed, Effect, Rejected, StepError, Unavailable
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.connectors.manifests.mcp_server import TOKEN, ToolServer
from tests.workflows.runtime.harness import carried, done, published, run_of
from workflows.models import Task
from workflows.runtime.kinds import kinds
from workflows.services import leaving
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=[False, True], ids=["events", "json"])
def server(request: pytest.FixtureRequest) -> Iterator[ToolServer]:
    running = ToolServer(json_response=request.param).start()
    yield running
    running.stop()


@pytest.fixture
def legal(server: ToolServer) -> Department:
    server.called.clear()
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{server.port}"])


@pytest.fixture
def desk(legal: Department, server: ToolServer) -> Manifest:
    """Imported for Legal, all of its tools chosen, with an account."""
    made.forget()
    source = imports.asked_for_tools(server.address, TOKEN, legal, actor=SYSTEM)
    manifest = imports.import_new(source, legal, actor=SYSTEM, choose=True)
    connect(legal, manifest.name, Told("Desk", {}, {"secret": TOKEN}), actor=SYSTEM)
    return manifest


def test_its_tools_are_listed_with_what_they_take_and_how_far_they_go(desk: Manifest) -> None:
    rows = {each.name: (each.level, each.method) for each in desk.versions.get().operations.all()}
    assert rows == {"count_words": ("read", "CALL"), "forget_words": ("danger", "CALL")}
    kind = kinds()["legal-word-desk.count_words@1"]
    assert (kind.effect, kind.__doc__) == (Effect.PURE, "Count the words of a text.")
    assert [*kind.Params.model_fields] == ["connection", "text", "longest"]
    assert TOKEN not in str(desk.versions.values_list("service", "notes", "address").get())


def test_an_account_is_tried_by_a_greeting(desk: Manifest, legal: Department) -> None:
    account = legal.connections.get()

    assert try_out(account, actor=SYSTEM), account.health_said
    assert account.health_said == "It is Word desk and offers 2 tools."


def test_a_tool_is_called_and_gives_its_data(desk: Manifest, legal: Department, server: ToolServer) -> None:
    given = {"connection": "desk", "text": "to be or not", "longest": 7}
    run = done([{"id": "it", "kind": "legal-word-desk.count_words@1", "with": given}], department=legal)

    assert run.status == "succeeded", run.steps.get().error
    assert run.steps.get().output["data"] == {"words": 4}
    assert server.called == [("count_words", ("to be or not", 7))]


def test_a_tool_of_which_nothing_is_known_asks_a_person_first(
    desk: Manifest, legal: Department, server: ToolServer
) -> None:
    ada = factories.make_user("Ada", legal, Role.APPROVER)
    step = {"id": "it", "kind": "legal-word-desk.forget_words@1", "with": {"connection": "desk", "word": "red"}}
    run = carried(run_of(published([step], legal)))
    task = Task.objects.get(run=run)
    seen = leaving.shown(task, {"decision": "approve"}).leaving

    assert seen is not None
    assert (list(seen.to), seen.body) == ([f"forget_words at {server.address}"], '{\n  "word": "red"\n}')
    assert server.called == []
    decide_task(task, actor=actor_for_user(ada), decision="approve")
    assert carried(run).status == "succeeded"
    assert run.steps.get().output["text"] == "Forgot red."


def test_what_a_tool_says_when_it_fails_is_the_error_of_the_step(desk: Manifest, legal: Department) -> None:
    given = {"connection": "desk", "word": "press", "ask_first": "no"}
    run = done([{"id": "it", "kind": "legal-word-desk.forget_words@1", "with": given}], department=legal)

    assert run.status == "failed"
    assert "the tool says that it failed" in run.steps.get().error["message"]


def test_a_wrong_token_and_a_host_off_the_list_are_named(legal: Department, server: ToolServer) -> None:
    with pytest.raises(ValidationError, match="does not accept the credentials"):
        imports.asked_for_tools(server.address, "wrong", legal, actor=SYSTEM)
    press = factories.make_department("Press")
    with pytest.raises(ValidationError, match="not among the hosts"):
        imports.asked_for_tools(server.address, TOKEN, press, actor=SYSTEM)
    assert server.called == []


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        ({"response_data": "<html>"}, "text/html", Unavailable),
        ({"response_data": "data: {nonsense\n\n"}, "text/event-stream", Unavailable),
        ({"response_data": '{"jsonrpc": "2.0", "id": 9, "result": {}}'}, "application/json", Unavailable),
        ({"response_data": "[" * 100_000}, "application/json", Unavailable),
        ({"response_data": '{"id": 1, "error": {"message": "No."}}'}, "application/json", Rejected),
        ({"response_data": "gone", "status": 404}, "text/plain", Rejected),
        ({"response_data": "who", "status": 401}, "text/plain", AuthFailed),
    ],
)
def test_what_is_no_mcp_server_is_a_named_error(
    answer: dict, kind: str, error: type[StepError], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/mcp").respond_with_data(content_type=kind, **answer)
    door = net.Door(net.Egress((f"private:http://127.0.0.1:{httpserver.port}",)))

    with pytest.raises(error):
        Session(OverHttp(door, httpserver.url_for("/mcp"))).begin()
