"""The one door to AI models: one question, at most one repair, a record of every call (rules L1 to L3, L8 to L10)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from connectors.models_gateway import breaker, cost, failures, hygiene, record, schemas, wire
from connectors.models_gateway.prompt import Prompt, assemble
from connectors.models_gateway.purse import Purse
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import ModelAnswer, ModelRequest, SchemaSupport
from connectors.models_gateway.stream import Completion, read_stream, read_whole
from connectors.sdk import StepError

LEAST_TOKENS = 16
REPAIR_SHOWS = 4_000


def ask(
    request: ModelRequest,
    calls: list[CallRecord],
    *,
    known_secrets: Iterable[str] = (),
    purse: Purse | None = None,
) -> ModelAnswer:
    """Ask once; where a schema was given and the answer is off it, ask exactly once more.

    Appends one record per call to `calls`, for calls that fail as well. Makes no attempt of its own to repeat a call:
    that is the engine's, with a timer. `purse` pays for each call before it is made; without one (in tests of the door)
    nobody does. Raises Unavailable, RateLimited, AuthFailed, BadParams, Rejected, and NotNow when nothing was asked.
    """
    talk = _Talk(request, calls, (*known_secrets, request.way.key), purse)
    prompt = assemble(
        request.instructions,
        request.blocks,
        known_secrets=talk.known_secrets,
        schema_in_words=request.schema if _tells_schema_in_words(request) else None,
    )
    begun = len(calls)
    text = _call(talk, prompt)
    if request.schema is None:
        return _answer(text, None, calls[begun:])

    try:
        return _answer(text, schemas.read_answer(text, request.schema), calls[begun:])
    except schemas.OffForm as problem:
        calls[-1]["problem"] = str(problem)
        return _repair(talk, prompt.after(text[:REPAIR_SHOWS], str(problem)), begun)


@dataclass(frozen=True, slots=True)
class _Talk:
    """What all calls of one question have in common."""

    request: ModelRequest
    calls: list[CallRecord]
    known_secrets: tuple[str, ...]
    purse: Purse | None


def _repair(talk: _Talk, prompt: Prompt, begun: int) -> ModelAnswer:
    request, calls = talk.request, talk.calls
    assert request.schema is not None
    text = _call(talk, prompt)
    try:
        return _answer(text, schemas.read_answer(text, request.schema), calls[begun:])
    except schemas.OffForm as problem:
        calls[-1].update({"problem": str(problem), "error": "off_form"})
        raise failures.off_form(str(problem), request.way) from None


def _call(talk: _Talk, prompt: Prompt) -> str:
    """One exchange: the whole answer, fit to keep, or an error; either way a record, and a bill."""
    request = talk.request
    _demand_room_and_time(request, prompt)
    reserve = _put_aside(talk, prompt)
    parameters = _parameters(request, prompt)
    talk.calls.append(entry := record.opened(request, prompt, parameters))
    completion, problem = Completion(), None
    with wire.exchange(request.way.clocks, request.deadline) as exchange:
        try:
            _exchange(request, parameters, completion, exchange)
            failures.judge(completion, request.way, _most_tokens(request, prompt))
        except failures.of_a_call() as raised:
            problem = raised
    error = _explained(problem, exchange, request)
    refused = failures.is_status(problem)
    record.close(
        entry, request.way, prompt, completion, exchange, error, refused=refused, known_secrets=talk.known_secrets
    )
    if talk.purse is not None and reserve is not None:
        went = failures.went(problem, exchange)
        talk.purse.settle(reserve, entry, went)
        breaker.learn(request.way, went, entry["message"])
    if error is not None:
        raise error
    return hygiene.fit_to_keep(completion.text, talk.known_secrets)[0]


def _put_aside(talk: _Talk, prompt: Prompt) -> UUID | None:
    """At most this much: the prompt, and all the tokens that the model may answer with."""
    if talk.purse is None:
        return None
    way = talk.request.way
    tokens_out = _most_tokens(talk.request, prompt) + way.thinking_tokens
    usd = cost.cost_usd(cost.about_tokens(prompt.characters), tokens_out, way.prices)
    return talk.purse.put_aside(way, usd, is_extra=talk.request.is_extra)


def _explained(problem: Any, exchange: wire.Exchange, request: ModelRequest) -> StepError | None:
    if problem is None or isinstance(problem, StepError):
        return problem
    return failures.explain(problem, exchange, request.way)


def _exchange(
    request: ModelRequest, parameters: dict[str, Any], completion: Completion, exchange: wire.Exchange
) -> None:
    client = wire.client(request.way.base_url, request.way.key)
    # As extra body the rest goes out as it is: the client would compare each word of it with its own types first.
    first, rest = {"model": parameters["model"], "stream": True}, {**parameters}
    with client.chat.completions.with_streaming_response.create(messages=[], **first, extra_body=rest) as response:
        chunks = _heard(response.iter_bytes(), exchange)
        if response.headers.get("content-type", "").startswith("application/json"):
            read_whole(b"".join(chunks), completion)
        else:
            read_stream(chunks, completion)
            wire.drain(chunks)


def _heard(chunks: Iterator[bytes], exchange: wire.Exchange) -> Iterator[bytes]:
    for chunk in chunks:
        exchange.hears_content()
        yield chunk


def _parameters(request: ModelRequest, prompt: Prompt) -> dict[str, Any]:
    """The body of the request, as the model's dialect wants it."""
    way, most = request.way, _most_tokens(request, prompt)
    parameters: dict[str, Any] = {
        "model": way.model,
        "messages": list(prompt.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if way.thinking_tokens:
        parameters["max_completion_tokens"] = most + way.thinking_tokens
        if way.effort:
            parameters["reasoning_effort"] = way.effort
    else:
        parameters |= {"max_tokens": most, "temperature": request.temperature}
    if request.schema is not None and (form := schemas.response_format(request.schema, way.schema_support)):
        parameters["response_format"] = form
    return parameters


def _most_tokens(request: ModelRequest, prompt: Prompt) -> int:
    """What the step asks for, but no more than the model's context leaves free."""
    free = request.way.context_tokens - cost.about_tokens(prompt.characters)
    return max(LEAST_TOKENS, min(request.max_tokens, free))


def _demand_room_and_time(request: ModelRequest, prompt: Prompt) -> None:
    tokens = cost.at_least_tokens(prompt.characters)
    if tokens > request.way.context_tokens:
        raise failures.too_long(tokens, request.way)
    if request.deadline is not None and request.deadline <= time.monotonic():
        raise failures.no_time_left(request.way)


def _tells_schema_in_words(request: ModelRequest) -> bool:
    return request.schema is not None and request.way.schema_support in (SchemaSupport.JSON, SchemaSupport.NONE)


def _answer(text: str, data: Any, calls: list[CallRecord]) -> ModelAnswer:
    return ModelAnswer(
        text=text,
        data=data,
        model=calls[-1]["model_answered"] or calls[-1]["model_asked"],
        tokens_in=sum(call["tokens_in"] for call in calls),
        tokens_out=sum(call["tokens_out"] for call in calls),
        cost_usd=sum((Decimal(call["cost_usd"]) for call in calls), Decimal(0)),
        repaired=len(calls) > 1,
    )
