"""Other systems over HTTP: one step to read from them, or to write to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import ConfigDict

from connectors.sdk import (
    Account,
    Action,
    BadParams,
    Done,
    Effect,
    Field,
    Leaving,
    Model,
    Response,
    StepContext,
    at_most_once,
    hint,
)
from connectors.sdk.addresses import below
from connectors.sdk.answers import SUCCESS, Advice, demand, text_of
from connectors.sdk.context import Http

ADVICE = Advice(
    renew="Renew the connection, or check the headers.",
    moved="Write the final address into the step.",
    refused=", which the step does not expect",
)
# A cookie is a credential: it must not lie in the run's journal.
NOT_KEPT = frozenset({"set-cookie"})
LOOK_FIRST = "It may have been done all the same: look there before you retry this step."


class SendRequest(Action):
    """Read from, or write to, another system's HTTP interface."""

    kind = "http.request"
    title = "Send an HTTP request"
    reads_as = "{method} {url}"
    icon = "world-share"
    timeout_s = 60

    class Params(Model):
        model_config = ConfigDict(coerce_numbers_to_str=True)  # ?page=2

        connection: str = Field(
            default="",
            max_length=60,
            title="Connection",
            description="Signs the request in. Connections are made once, under Connections.",
            json_schema_extra=hint("choice", source="connections:http", nothing="None: without signing in"),
        )
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
            default="GET",
            title="Method",
            description="What to do there: GET reads, the others write.",
            json_schema_extra=hint(
                "choice",
                labels={
                    "GET": "GET: read",
                    "POST": "POST: send something new",
                    "PUT": "PUT: replace",
                    "PATCH": "PATCH: change",
                    "DELETE": "DELETE: remove",
                },
            ),
        )
        url: str = Field(
            min_length=1,
            max_length=8_000,
            title="Address",
            description="Its host must be on the administrator's list. With a connection, a path is enough.",
            json_schema_extra=hint("text", example="https://api.example.com/articles", destination="address"),
        )
        query: dict[str, str] = Field(
            default_factory=dict,
            title="Query",
            description="Added to the address after the question mark.",
            json_schema_extra=hint("key_value", example="from: {{ run.date }}"),
        )
        headers: dict[str, str] = Field(
            default_factory=dict,
            title="Headers",
            description="Only where the other system asks for them. Never put a password here.",
            json_schema_extra=hint("key_value", example="Accept: application/json", advanced=True),
        )
        body_json: Any = Field(
            default=None,
            title="Body as JSON",
            description="A value of an earlier step, or JSON written here.",
            json_schema_extra=hint("json", example='{"title": "{{ inputs.title }}"}'),
        )
        body_text: str = Field(
            default="",
            max_length=1_000_000,
            title="Body as text",
            description="For systems that take no JSON. Leave it empty when there is a body as JSON.",
            json_schema_extra=hint("long_text", example="{{ steps.letter.text }}", advanced=True),
        )
        idempotency_header: str = Field(
            default="",
            max_length=100,
            title="Header against doing it twice",
            description="If the other system knows such a header, name it: then this step may be repeated safely.",
            json_schema_extra=hint("text", example="Idempotency-Key", advanced=True),
        )
        expect: list[int] = Field(
            default_factory=list,
            max_length=20,
            title="Answers that count as success",
            description="Status numbers such as 200 or 404; when empty, every one from 200 to 299.",
            json_schema_extra=hint("list", example="404", advanced=True),
        )
        timeout_s: float = Field(
            default=30,
            gt=0,
            le=30,
            title="Seconds to wait at most",
            description="After that the other system counts as not reachable, and the step is tried again.",
            json_schema_extra=hint("number", example="10", advanced=True),
        )

    class Output(Model):
        status: int = Field(title="Status")
        headers: dict[str, str] = Field(title="Headers", description="Names in lower case; cookies are left out.")
        text: str = Field(title="Text", description="Empty when the answer is not text.")
        data: Any = Field(default=None, title="Data", description="The answer's JSON, or nothing.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        account = _account(params, ctx)
        http, params = account.http if account else ctx.http, _whole(params, account)
        with at_most_once(LOOK_FIRST) if self.effect_of(params) is Effect.UNSAFE else nullcontext():
            response = self._send(params, ctx, http)
            said = f"{params.method} was answered with {response.status}"
            demand(response, said, ADVICE, ctx.now, params.expect or SUCCESS)

        output = self.Output(
            status=response.status,
            headers={name: value for name, value in response.headers.items() if name.lower() not in NOT_KEPT},
            text=text_of(response),
            data=response.data,
        )
        return Done(output, summary=f"{response.status}, {len(response.body)} bytes")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        params = _whole(params, _account(params, ctx))
        body = _json_body(params)
        said = params.body_text or (json.dumps(body, ensure_ascii=False) if body is not None else "")
        sent = f": {said}" if said else ", with nothing in it"
        answer = self.Output(status=(params.expect or [200])[0], headers={}, text="", data=None)
        return Done(answer, summary=f"Would send {params.method} to {params.url}{sent}", rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving | None:
        if params.method == "GET":
            return None
        way = f"HTTP {params.method}" + (f", signed in as “{params.connection}”" if params.connection else "")
        params = _whole(params, _account(params, ctx))
        query = f"?{urlencode(params.query)}" if params.query else ""
        body = _json_body(params)
        said = params.body_text or (json.dumps(body, ensure_ascii=False, indent=2) if body is not None else "")
        typed = {"Content-Type": "application/json"} if body is not None else {}
        return Leaving(way, (f"{params.url}{query}",), {**typed, **params.headers}, said)

    @classmethod
    def effect_of(cls, params: Params) -> Effect:
        if params.method == "GET":
            return Effect.PURE
        return Effect.KEYED if params.idempotency_header else Effect.UNSAFE

    @classmethod
    def may_leave(cls, given: Mapping[str, Any]) -> bool:
        return given.get("method", "GET") != "GET"

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        if given.get("body_json") not in (None, "") and given.get("body_text"):
            return {"body_text": "The body is either JSON or text: leave one of the two empty."}
        return {}

    def _send(self, params: Params, ctx: StepContext, http: Http) -> Response:
        headers = dict(params.headers)
        if params.idempotency_header and params.method != "GET":
            headers[params.idempotency_header] = ctx.idempotency_key
        return http.send(
            params.method,
            params.url,
            headers=headers,
            query=params.query,
            json=_json_body(params),
            body=params.body_text.encode() if params.body_text else None,
            timeout_s=params.timeout_s,
        )


def _account(params: SendRequest.Params, ctx: StepContext) -> Account | None:
    return ctx.account(params.connection) if params.connection else None


def _whole(params: SendRequest.Params, account: Account | None) -> SendRequest.Params:
    """The request with its whole address."""
    if account is None:
        return params
    return params.model_copy(update={"url": below(account.settings.address, params.url)})


def _json_body(params: SendRequest.Params) -> Any:
    """What is written in a form is JSON text; what comes from an earlier step is already a value."""
    if params.body_json in (None, ""):
        return None
    if params.body_text:
        problem = "The body is either JSON or text: leave one of the two empty."
        raise BadParams(problem, fields={"body_text": problem})
    if not isinstance(params.body_json, str):
        return params.body_json
    try:
        return json.loads(params.body_json)
    except (ValueError, RecursionError):
        problem = "This is not JSON: look for a missing quote or comma."
        raise BadParams(f"The body cannot be sent. {problem}", fields={"body_json": problem}) from None
