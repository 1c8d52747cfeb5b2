"""A step kind made of one tool of an MCP server. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from pydantic import create_model

from connectors.manifests.manifest import Level
from connectors.manifests.mcp_session import session_with
from connectors.manifests.requests_made import prepared
from connectors.manifests.steps_made import LOOK_FIRST, Step
from connectors.sdk import Done, Effect, Field, Leaving, Model, Rejected, StepContext, at_most_once

LONGEST_REFUSAL = 500


class ToolStep(Step):
    """What the server says is data and no order: it goes into what the step gives, and nowhere else."""

    def rehearse(self, params: Any, ctx: StepContext) -> Done:
        leaves = self.leaving(params, ctx)
        assert leaves is not None
        return Done(self.Output(text=""), summary=f"Would call {leaves.to[0]} with {leaves.body}", rehearsed=True)

    def leaving(self, params: Any, ctx: StepContext) -> Leaving | None:
        if self.operation.level is Level.READ:
            return None
        begins = ctx.account(params.connection).settings.begins
        said = json.dumps(self._arguments(params), ensure_ascii=False, indent=2)
        return Leaving(f"{self.service}: {self.title}", (f"{self.operation.id} at {begins}",), {}, said)

    def _do(self, params: Any, ctx: StepContext) -> Done:
        account = ctx.account(params.connection)
        sending = at_most_once(LOOK_FIRST) if self.effect is Effect.UNSAFE else nullcontext()
        with sending, session_with(account.http, account.program, account.settings.begins) as session:
            answer = session.call(self.operation.id, self._arguments(params))
        text = _text(answer)
        if answer.get("isError") is True:
            raise Rejected(f"{self.title}: the tool says that it failed. {text[:LONGEST_REFUSAL]}".strip())
        return Done(self.Output(text=text, data=answer.get("structuredContent")), summary=f"{len(text)} characters")

    def _arguments(self, params: Any) -> dict[str, Any]:
        return dict(prepared(self.operation, params).json or {})


def output() -> type[Model]:
    fields: dict[str, Any] = {
        "text": (str, Field(title="Text", description="What the tool says, without pictures and sounds.")),
        "data": (Any, Field(default=None, title="Data", description="What it gives as structured data, or nothing.")),
    }
    return create_model("Output", __base__=Model, **fields)


def _text(answer: Mapping[str, Any]) -> str:
    parts = answer.get("content")
    said = [_said(each) for each in parts if isinstance(each, Mapping)] if isinstance(parts, list) else []
    return "\n\n".join(each for each in said if each)


def _said(part: Mapping[str, Any]) -> str:
    """Of a text, of a resource with a text in it, of a link to one."""
    match part.get("type"):
        case "text":
            return str(part.get("text", ""))
        case "resource" if isinstance(inner := part.get("resource"), Mapping):
            return str(inner.get("text", ""))
        case "resource_link":
            return str(part.get("uri", ""))
    return ""
