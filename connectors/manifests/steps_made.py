"""A step kind made of one operation: a class as somebody would have written it by hand. Pure.

Reading is pure, writing happens at most once, or as often as wanted where the service takes a key for it. What is
dangerous asks a person first, unless the step's author has decided otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar
from urllib.parse import urlencode

from connectors.manifests.following import Reading
from connectors.manifests.manifest import Level, Operation
from connectors.manifests.requests_made import Prepared, multipart, prepared
from connectors.sdk import (
    Account,
    Action,
    Ask,
    Attachment,
    Decided,
    Done,
    Effect,
    Leaving,
    Outcome,
    Rejected,
    Response,
    Signal,
    StepContext,
    Wait,
    Whom,
    at_most_once,
)
from connectors.sdk.addresses import below
from connectors.sdk.answers import Advice, demand, text_of
from connectors.sdk.leaving import ITSELF

MOST_PAGES = 50
MOST_ITEMS = 10_000
ADVICE = Advice(
    renew="Renew the connection, or give its account the right to do this.",
    moved="Change the address of the connection.",
)
LOOK_FIRST = "It may have been done all the same: look there before you retry this step."


class Step(Action):
    """What all made kinds have in common. `department` is the one whose own it is; None for everybody's."""

    operation: ClassVar[Operation]
    connector: ClassVar[str]
    service: ClassVar[str]
    department: ClassVar[Any] = None
    Output: Any
    timeout_s = 120

    def run(self, params: Any, ctx: StepContext) -> Outcome:
        if self._asks(params):
            return Wait(ask=self._question(params, ctx))
        return self._do(params, ctx)

    def resume(self, params: Any, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, Decided)
        if signal.answer["decision"] != "approve":
            reason, by = signal.answer.get("reason", ""), signal.answer.get("by", "")
            raise Rejected(f"{by} refused “{self.title}”" + (f": {reason}" if reason else "."))
        return self._do(params, ctx)

    def rehearse(self, params: Any, ctx: StepContext) -> Done:
        leaves = self.leaving(params, ctx)
        assert leaves is not None
        said = f": {leaves.body}" if leaves.body else ", with nothing in it"
        gives = self.Output(status=200, **({"items": []} if self.operation.paging else {}))
        return Done(gives, summary=f"Would send {self.operation.method} to {leaves.to[0]}{said}", rehearsed=True)

    def leaving(self, params: Any, ctx: StepContext) -> Leaving | None:
        if self.operation.level is Level.READ:
            return None
        account, request = ctx.account(params.connection), prepared(self.operation, params)
        body = json.dumps(request.json, ensure_ascii=False, indent=2) if request.json is not None else ""
        said = body or "\n".join(f"{name}: {value}" for name, value in request.form)
        files = [Attachment(each.name, each.type, each.size, each.sha256) for each in request.files.values()]
        address = below(self.operation.address or account.settings.begins, request.path)
        return Leaving(f"{self.service}: {self.title}", (f"{self.operation.method} {address}",), {}, said, files)

    @classmethod
    def may_leave(cls, given: Mapping[str, Any]) -> bool:
        return cls.operation.level is not Level.READ

    @classmethod
    def output_shapes(cls, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """With what the service says of its answer."""
        shapes = dict(super().output_shapes(given))
        if cls.operation.gives:
            told = {name: value for name, value in shapes["data"].items() if name in ("title", "description")}
            shapes["data"] = {**cls.operation.gives, **told}
        return shapes

    def _asks(self, params: Any) -> bool:
        return self.operation.level is Level.DANGER and params.ask_first == "yes"

    def _question(self, params: Any, ctx: StepContext) -> Ask:
        """What will be sent is shown to the letter, and nothing else may leave (rule L12)."""
        question = f"May this be done in {self.service}: {self.title}?"
        return Ask(kind="approve", question=question, whom=(Whom(role=params.asks),), sends=ITSELF)

    def _do(self, params: Any, ctx: StepContext) -> Done:
        account = ctx.account(params.connection)
        request = prepared(self.operation, params)
        with at_most_once(LOOK_FIRST) if self.effect is Effect.UNSAFE else nullcontext():
            response = self._sent(request, account, ctx)
        if self.operation.paging is None:
            return Done(self.Output(status=response.status, **_data(response)), summary=_summary(response))

        def more(path: str, changed: Mapping[str, Any]) -> Response:
            body = {**request.json, **changed} if isinstance(request.json, dict) else request.json
            following = Prepared(path or request.path, request.headers, body, request.form, request.files)
            return self._sent(following, account, ctx)

        read = Reading(self.operation.paging, request.path, more, MOST_ITEMS)
        items = read.all_of(response, getattr(params, "pages", 1) or 1)
        whole = {"items": items, "complete": read.is_complete, **_data(response)}
        return Done(self.Output(status=response.status, **whole), summary=f"{len(items)} items")

    def _sent(self, request: Prepared, account: Account, ctx: StepContext) -> Response:
        """Raises what the answer means."""
        headers = dict(request.headers)
        if self.operation.once_header:
            headers[self.operation.once_header] = ctx.idempotency_key
        kind, body = self._body(request, ctx)
        if kind:
            headers["Content-Type"] = kind
        if self.effect is not Effect.PURE and self.operation.method in ("GET", "HEAD"):
            ctx.before_effect()
        response = account.http.send(
            self.operation.method,
            below(self.operation.address or account.settings.begins, request.path),
            headers=headers,
            json=request.json,
            body=body,
        )
        demand(response, f"{self.service} answered with {response.status}", ADVICE, ctx.now)
        return response

    def _body(self, request: Prepared, ctx: StepContext) -> tuple[str, bytes | None]:
        match self.operation.body:
            case "json" if request.json is not None:
                return self.operation.body_type if "*" not in self.operation.body_type else "", None
            case "form":
                return self.operation.body_type, _urlencoded(request.form)
            case "multipart":
                files = {name: (each.name, each.type, ctx.files.read(each)) for name, each in request.files.items()}
                return multipart(request.form, files)
            case "bytes":
                file = next(iter(request.files.values()))
                return self.operation.body_type or file.type, ctx.files.read(file)
        return "", None


def _data(response: Response) -> dict[str, Any]:
    return {"data": response.data, "text": "" if response.data is not None else text_of(response)}


def _summary(response: Response) -> str:
    return f"{response.status}, {len(response.body)} bytes"


def _urlencoded(form: tuple[tuple[str, str], ...]) -> bytes:
    return urlencode(form).encode()
