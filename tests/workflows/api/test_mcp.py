"""The MCP server: a client from outside lists and runs workflows, within the walls of its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx2
import pytest
from django.test import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from departments.access import SYSTEM
from departments.models import Department, Role
from tests.workflows.api.program import Program
from tests.workflows.runtime.harness import carried, published
from workflows.models import Run, Workflow
from workflows.services.workflows import offer_as_tool

GREETING = {"name": {"type": "text", "title": "Whom"}, "tone": {"type": "choice", "choices": ["kind", "plain"]}}
SAYS = {"id": "a", "kind": "text.compose", "with": {"text": "Hello {{ inputs.name }}"}}
ASKS = {"id": "ok", "kind": "people.approve", "with": {"question": "May it go out?"}}


def offered(legal: Department, *steps: dict[str, Any], name: str = "Greet", **rest: Any) -> Workflow:
    workflow = published(list(steps), legal, name=name, **rest)
    offer_as_tool(workflow, on=True, actor=SYSTEM)
    return workflow


def asked(program: Program, method: str, **params: Any) -> Any:
    return said(program, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def said(program: Program, message: Any, **headers: str) -> Any:
    headers = {"Authorization": f"Bearer {program.secret}", "Accept": "application/json, text/event-stream", **headers}
    return Client().post("/mcp", message, content_type="application/json", headers=headers)


@pytest.mark.django_db(transaction=True)
def test_a_client_library_from_outside_lists_and_runs_a_workflow(
    live_server: Any, legal: Department, program: Program
) -> None:
    offered(legal, SAYS, inputs=GREETING, output={"text": "{{ steps.a.text }}"}, description="Greets somebody.")

    async def talk(session: ClientSession) -> tuple[Any, Any]:
        await session.initialize()
        listed = await session.list_tools()
        return listed, await session.call_tool("greet", {"name": "Ada", "tone": "kind"})

    # In a thread of its own: a browser of another test may have left its loop in this one.
    with ThreadPoolExecutor(1) as elsewhere:
        asked_for = elsewhere.submit(anyio.run, _with_session, f"{live_server.url}/mcp", program.secret, talk)
        listed, called = asked_for.result()

    assert [tool.name for tool in listed.tools] == ["greet", "read_run"]
    assert listed.tools[0].description == "Greets somebody."
    schema = getattr(listed.tools[0], "inputSchema", None) or listed.tools[0].input_schema
    assert (schema["required"], schema["properties"]["tone"]["enum"]) == (["name", "tone"], ["kind", "plain"])
    assert called.content[0].text == '{"text": "Hello Ada"}'
    assert Run.objects.get().starter_kind == "token"


async def _with_session(url: str, secret: str, talk: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    client = httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"})
    async with (
        client,
        streamable_http_client(url, http_client=client) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        return await talk(session)


@pytest.mark.django_db
def test_only_what_is_offered_published_and_of_the_department_is_a_tool(
    legal: Department, program: Program, stranger: Program
) -> None:
    offered(legal, SAYS, inputs=GREETING)
    published([{**SAYS, "with": {"text": "x"}}], legal, name="Kept to ourselves")
    names = [tool["name"] for tool in asked(program, "tools/list").json()["result"]["tools"]]
    theirs = [tool["name"] for tool in asked(stranger, "tools/list").json()["result"]["tools"]]
    assert (names, theirs) == (["greet", "read_run"], ["read_run"])
    for program_, name in ((stranger, "greet"), (program, "kept-to-ourselves"), (program, "nothing")):
        assert asked(program_, "tools/call", name=name, arguments={}).json()["error"]["code"] == -32602
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_a_run_that_waits_for_a_person_answers_with_its_link_and_is_read_later(
    legal: Department, program: Program
) -> None:
    offered(legal, ASKS, {**SAYS, "with": {"text": "Done"}}, name="Ask", output={"text": "{{ steps.a.text }}"})
    first = asked(program, "tools/call", name="ask", arguments={}).json()["result"]
    run = Run.objects.get()
    assert f"The run {run.pk} waits for a person: May it go out?" in first["content"][0]["text"]
    assert f"/runs/{run.pk}/" in first["content"][0]["text"]

    program.post(f"tasks/{run.tasks.get().pk}/decide", {"decision": "approve"})
    carried(run)

    later = asked(program, "tools/call", name="read_run", arguments={"run": str(run.pk)}).json()["result"]
    assert later["structuredContent"] == {"text": "Done"}


@pytest.mark.django_db
def test_what_is_wrong_with_the_input_is_told_as_the_tools_answer(legal: Department, program: Program) -> None:
    offered(legal, SAYS, inputs=GREETING)
    result = asked(program, "tools/call", name="greet", arguments={"tone": "loud"}).json()["result"]
    assert result["isError"] is True
    assert "name: This is needed." in result["content"][0]["text"]


@pytest.mark.django_db
def test_a_token_that_may_not_start_runs_finds_no_tools(legal: Department) -> None:
    offered(legal, SAYS, inputs=GREETING)
    viewer = Program(legal, Role.VIEWER)
    assert asked(viewer, "tools/list").json()["result"]["tools"] == []
    assert asked(viewer, "tools/call", name="greet", arguments={}).json()["result"]["isError"] is True


@pytest.mark.django_db
def test_without_a_token_from_another_page_or_with_nonsense_nothing_happens(program: Program) -> None:
    assert Client().post("/mcp", {}, content_type="application/json").status_code == 401
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert said(program, ping, Origin="https://evil.example").status_code == 403
    assert said(program, ping).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert said(program, {"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202
    assert asked(program, "resources/list").json()["error"]["code"] == -32601
    for nonsense in ([], [ping], {}, {"jsonrpc": "1.0", "id": 1, "method": "ping"}, {**ping, "method": 5}):
        assert said(program, nonsense).json()["error"]["code"] == -32600
    assert said(program, {**ping, "params": [1]}).status_code == 200
