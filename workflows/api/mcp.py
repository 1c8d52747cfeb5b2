"""Workflows as tools of other people's AI: a Model Context Protocol server, spoken over plain POSTs.

Source: modelcontextprotocol.io, Streamable HTTP. There are no sessions and no streams: each message is answered with
one JSON document, which the specification allows, and so any number of web processes may answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from rest_framework.request import Request

from departments.access import Verb, visible
from workflows.api.endpoint import Endpoint, identifier
from workflows.api.waiting import wait_for
from workflows.engine.definition import Input
from workflows.models import Run, RunStatus, TaskStatus, Workflow
from workflows.runtime.journey import tree_of
from workflows.services.looking_in import looked_into
from workflows.services.refusals import Conflict
from workflows.services.runs import start_run

SPOKEN = ("2025-06-18", "2025-03-26", "2024-11-05")
WAITS_S = 20.0
READ_RUN = "read_run"
NO_METHOD, BAD_PARAMS, BAD_REQUEST = -32601, -32602, -32600
TYPES: Mapping[str, Mapping[str, Any]] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "list": {"type": "array", "items": {"type": "string"}},
}


class Refused(Exception):
    """An error of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Mcp(Endpoint):
    """One message to a POST. What cannot be done is said in the words of JSON-RPC, or of the tool."""

    http_method_names = ["post"]

    def post(self, request: Request) -> HttpResponse:
        if not _is_from_here(request):
            raise PermissionDenied("Pages of other servers may not call this address.")
        message = request.data
        if not _is_message(message):
            return _error(None, BAD_REQUEST, "One message of JSON-RPC 2.0 is expected, with a method.")
        if "id" not in message:
            return HttpResponse(status=202)
        given = message.get("params")
        try:
            result = self._result(message["method"], given if isinstance(given, dict) else {})
        except Refused as refused:
            return _error(message["id"], refused.code, str(refused))
        return JsonResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _result(self, method: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        methods: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "initialize": self._greeted,
            "ping": lambda _: {},
            "tools/list": lambda _: {"tools": self._tools()},
            "tools/call": self._called,
        }
        if method not in methods:
            raise Refused(NO_METHOD, f"There is no method {method[:60]!r} here.")
        return methods[method](given)

    def _greeted(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = given.get("protocolVersion")
        return {
            "protocolVersion": asked if asked in SPOKEN else SPOKEN[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": "Tandem", "version": settings.SPECTACULAR_SETTINGS["VERSION"]},
            "instructions": (
                "Each tool is a workflow of a department. A run may wait for a person: then you get its link, and "
                f"“{READ_RUN}” tells later what came of it."
            ),
        }

    def _tools(self) -> list[Mapping[str, Any]]:
        if not self.actor.may(Verb.RUN, self.token.department_id):
            return []
        return [*(_tool(each) for each in self._offered()), _READ_RUN]

    def _offered(self) -> Any:
        rows = Workflow.objects.filter(is_tool=True, archived_at=None).exclude(live=None)
        return visible(rows, self.actor).select_related("department").order_by("slug")

    def _called(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        arguments = given.get("arguments")
        arguments = arguments if isinstance(arguments, dict) else {}
        if given.get("name") == READ_RUN:
            return self._read(str(arguments.get("run", "")))
        workflow = self._offered().filter(slug=str(given.get("name"))).first()
        if workflow is None:
            raise Refused(BAD_PARAMS, "There is no tool of this name. Ask for the list again.")
        try:
            run = start_run(workflow, inputs=arguments, actor=self.actor)
        except ValidationError as error:
            return _said(_in_words(error), is_error=True)
        except (Conflict, PermissionDenied) as error:
            return _said(str(error), is_error=True)
        wait_for(run, WAITS_S)
        return _told(run)

    def _read(self, id: str) -> Mapping[str, Any]:
        known = identifier(id)
        run = visible(Run.objects.all(), self.actor).filter(pk=known).first() if known else None
        if run is None:
            return _said("There is no such run.", is_error=True)
        looked_into(run, self.actor)
        return _told(run)


def _tool(workflow: Workflow) -> dict[str, Any]:
    asked = tree_of(workflow.live_id).definition.inputs
    schema = {
        "type": "object",
        "properties": {name: _shape(one) for name, one in asked.items()},
        "required": [name for name, one in asked.items() if one.required and one.default is None],
        "additionalProperties": False,
    }
    about = workflow.description or workflow.name
    return {"name": workflow.slug, "title": workflow.name, "description": about, "inputSchema": schema}


def _shape(asked: Input) -> dict[str, Any]:
    shape: dict[str, Any] = dict(TYPES.get(asked.type, {"type": "string"}))
    if asked.choices:
        shape["enum"] = list(asked.choices)
    about = " ".join(part for part in (asked.title, asked.help) if part)
    if asked.type == "file":
        about = f"{about} The id of a file that was uploaded to /api/v1/files before.".strip()
    return {**shape, **({"description": about} if about else {})}


_READ_RUN: Mapping[str, Any] = {
    "name": READ_RUN,
    "title": "Read a run",
    "description": "What came of a run that was not over when its tool answered.",
    "inputSchema": {
        "type": "object",
        "properties": {"run": {"type": "string", "description": "Its id."}},
        "required": ["run"],
        "additionalProperties": False,
    },
}


def _told(run: Run) -> Mapping[str, Any]:
    run.refresh_from_db()
    link = settings.PUBLIC_URL + reverse("run", args=[run.pk])
    match run.status:
        case RunStatus.SUCCEEDED:
            text = json.dumps(run.output, ensure_ascii=False)
            return {**_said(text), "structuredContent": run.output or {}}
        case RunStatus.FAILED | RunStatus.CANCELLED:
            why = (run.error or {}).get("message") or f"The run was {run.status}. Look at {link}"
            return _said(str(why), is_error=True)
    task = run.tasks.filter(status=TaskStatus.OPEN).first()
    why = f"waits for a person: {task.question}" if task is not None else "is still under way"
    return _said(f"The run {run.pk} {why}. Look at {link}, or ask “{READ_RUN}” later.")


def _said(text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def _in_words(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())


def _is_message(message: Any) -> bool:
    """Of JSON-RPC 2.0, and not several at once."""
    if not isinstance(message, dict):
        return False
    return message.get("jsonrpc") == "2.0" and isinstance(message.get("method"), str)


def _is_from_here(request: Request) -> bool:
    """A page of another site in somebody's browser may not use what the browser can reach (DNS rebinding)."""
    origin = request.headers.get("Origin", "")
    return not origin or urlsplit(origin).netloc in (request.get_host(), urlsplit(settings.PUBLIC_URL).netloc)


def _error(id: Any, code: int, message: str) -> HttpResponse:
    return JsonResponse({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
