"""The evidence of one call (rule L16): what was asked of which model, what it answered, what it cost, how it went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from connectors.models_gateway import cost
from connectors.models_gateway.hygiene import fit_to_keep
from connectors.models_gateway.prompt import Prompt
from connectors.models_gateway.request import ModelRequest, Way
from connectors.models_gateway.stream import Completion
from connectors.models_gateway.wire import Exchange
from connectors.sdk import StepError

LONGEST_KEPT = 200_000


class CallRecord(TypedDict, total=False):
    """One entry of `Attempt.calls`. JSON values only; `cost_usd` is a decimal as text.

    `answer` is there for a whole answer, `partial` for what had come of one that failed. `estimated` says that the
    provider did not count the tokens, `priced` that the model has a price. `instead_of` are the models of the route
    that were to be asked first. `problem` is why an answer with a schema was no good, `error` the SDK's code of a
    failed call, `changed_from` what the model called itself before.
    """

    kind: str
    provider: str
    model_asked: str
    instead_of: list[str]
    model_answered: str
    system_fingerprint: str
    parameters: dict[str, Any]
    prompt: list[dict[str, str]]
    prompt_sha256: str
    removed: dict[str, int]
    answer: str
    partial: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    estimated: bool
    priced: bool
    cost_usd: str
    latency_s: float
    first_byte_s: float | None
    error: str
    message: str
    problem: str
    changed_from: str


def opened(request: ModelRequest, prompt: Prompt, parameters: Mapping[str, Any]) -> CallRecord:
    """Written down before the call, so that a call which never returns has left its trace."""
    return CallRecord(
        kind="model",
        provider=request.way.provider,
        model_asked=request.way.model,
        instead_of=list(request.instead_of),
        parameters={name: value for name, value in parameters.items() if name != "messages"},
        prompt=list(prompt.messages),
        prompt_sha256=prompt.sha256,
        removed=dict(prompt.removed),
        error="unfinished",
    )


def close(
    record: CallRecord,
    way: Way,
    prompt: Prompt,
    completion: Completion,
    exchange: Exchange,
    error: StepError | None,
    *,
    refused: bool,
    known_secrets: Iterable[str],
) -> None:
    """`refused`: the provider answered with an error status, so nothing was worked on and nothing has to be paid."""
    counted = completion.tokens_in is not None and completion.tokens_out is not None
    may_cost = exchange.was_sent and not refused
    tokens_in = completion.tokens_in if counted else cost.about_tokens(prompt.characters) * may_cost
    tokens_cached = completion.tokens_cached if counted else 0
    tokens_out = completion.tokens_out if counted else cost.about_tokens(completion.text + completion.refusal)
    assert tokens_in is not None
    assert tokens_out is not None
    record.update(
        {
            "model_answered": completion.model[:200],
            "system_fingerprint": completion.fingerprint[:200],
            "finish_reason": completion.finish_reason[:40],
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "tokens_cached": tokens_cached,
            "estimated": not counted and may_cost,
            "priced": bool(way.prices.per_million_in or way.prices.per_million_out),
            "cost_usd": str(cost.cost_usd(tokens_in, tokens_out, way.prices, tokens_cached)),
            "latency_s": round(exchange.took_s, 3),
            "first_byte_s": None if exchange.first_byte_s is None else round(exchange.first_byte_s, 3),
            "error": error.code if error else "",
            "message": error.message if error else "",
        }
    )
    said = fit_to_keep((completion.text or completion.refusal)[:LONGEST_KEPT], known_secrets)[0]
    if error is None:
        record["answer"] = said
    elif said:
        record["partial"] = said
