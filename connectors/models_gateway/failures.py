"""What went wrong with a model, in the words of the SDK (rule L3): who may try again, when, and what a person can do.

quota → final, rate → wait, overload → retry, bad request, context and content filter → final, auth → final.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeGuard

import httpx2

from connectors.models_gateway.hygiene import fit_to_keep
from connectors.models_gateway.request import Way
from connectors.models_gateway.stream import BrokenAnswer, Completion, ProviderSaysError
from connectors.models_gateway.wire import LARGEST_ANSWER, Exchange, Limit
from connectors.sdk import AuthFailed, BadParams, RateLimited, Rejected, StepError, Unavailable

if TYPE_CHECKING:
    from openai import APIStatusError

LONGEST_WAIT = timedelta(hours=1)

QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance", "quota_exceeded"}
)
CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
OVERLOAD_STATUSES = frozenset({408, 409, 425})


def of_a_call() -> tuple[type[Exception], ...]:
    """What a call may end with: what the client, the wire or the stream raise, and our own judgement."""
    from openai import OpenAIError

    return (StepError, OpenAIError, httpx2.HTTPError, BrokenAnswer, ProviderSaysError)


def is_status(error: Exception | None) -> TypeGuard[APIStatusError]:
    """Whether the provider answered, with a refusal."""
    from openai import APIStatusError

    return isinstance(error, APIStatusError)


def explain(error: Exception, exchange: Exchange, way: Way) -> StepError:
    """The SDK's error for what the client, the wire or the stream reported."""
    if exchange.ended_by is not None:
        return _out_of_limits(exchange, way)
    if is_status(error):
        return _refused(error.status_code, _body(error.body), error.response.headers, way)
    if isinstance(error, ProviderSaysError):
        return _refused(_status_in(error.body), error.body, {}, way)
    if isinstance(error, BrokenAnswer):
        return Unavailable(f"The answer of {_named(way)} cannot be used: {error}. It is safe to try again.")
    if exchange.first_byte_s is not None:
        return Unavailable(f"{_named(way)} broke off in the middle of its answer. It is safe to try again.")
    return Unavailable(f"{_named(way)} could not be reached ({_cause(error, way)}). It is safe to try again.")


def went(problem: Exception | None, exchange: Exchange) -> str:
    """Whether the provider is well: "ok", "fault", or "client" for what says nothing about that (rule L4).

    Who answers, but not with what we want (a refusal, an answer cut short), is well. A step that ran out of its own
    time is no fault of theirs, and neither is any 4xx.
    """
    if problem is None or isinstance(problem, StepError):
        return "ok"
    if exchange.ended_by is Limit.TOTAL and exchange.was_hurried:
        return "client"
    if is_status(problem):
        return "fault" if problem.status_code >= 500 else "client"
    if isinstance(problem, ProviderSaysError):
        return "fault" if _status_in(problem.body) >= 500 else "client"
    return "fault"


def judge(completion: Completion, way: Way, max_tokens: int) -> None:
    """Raises Rejected unless the model came to its own end and said something (rule L8)."""
    if completion.refusal:
        raise Rejected(
            f'{_named(way)} refused: "{_short(completion.refusal, way)}" Change what is asked, or let a person do it.',
            code="refused",
        )
    match completion.finish_reason:
        case "stop":
            pass
        case "length":
            raise Rejected(
                f"{_named(way)} ran out of room before its answer was complete (limit: {max_tokens:,} tokens). "
                "Ask for a shorter answer, or give the step a higher limit or a model with more room.",
                code="length",
            )
        case "content_filter":
            raise Rejected(_filtered(way), code="content_filter")
        case other:
            raise Unavailable(f'{_named(way)} stopped for a reason we do not know ("{_short(other, way)}").')
    if not completion.text.strip():
        raise Rejected(f"{_named(way)} gave an empty answer. Change what is asked, or use another model.", code="empty")


def off_form(problem: str, way: Way) -> Rejected:
    return Rejected(
        f"The answer of {_named(way)} did not keep to its form, not even when asked again: {problem} "
        "Use a stronger model for this step, or ask for something simpler.",
        code="off_form",
    )


def too_long(tokens: int, way: Way) -> BadParams:
    return _coded(
        BadParams(
            f"The text is too long for {_named(way)}: more than {tokens:,} tokens, and it takes "
            f"{way.context_tokens:,}. Give it a shorter text, or choose a model with more room."
        ),
        "context_length",
    )


def no_time_left(way: Way) -> Unavailable:
    return Unavailable(f"The step's time was over before {_named(way)} could be asked. Give the step more time.")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """How long the server asks us to wait: `retry-after-ms`, seconds, or a date; None for anything else.

    Source: RFC 9110 §10.2.3; `retry-after-ms` is OpenAI's.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return timedelta(milliseconds=milliseconds)
    wish = headers.get("retry-after")
    if (seconds := _number(wish)) is not None:
        return timedelta(seconds=seconds)
    return _until(wish, now or datetime.now(UTC))


def _out_of_limits(exchange: Exchange, way: Way) -> StepError:
    clocks, model = exchange.clocks, _named(way)
    match exchange.ended_by:
        case Limit.CONNECT:
            return Unavailable(f"{model} could not be reached within {clocks.connect_s:g} s.")
        case Limit.FIRST_BYTE:
            return Unavailable(f"{model} did not begin to answer within {clocks.first_byte_s:g} s.")
        case Limit.IDLE:
            return Unavailable(f"{model} fell silent for {clocks.idle_s:g} s in the middle of its answer.")
        case Limit.SIZE:
            return Rejected(
                f"{model} sent more than {LARGEST_ANSWER // 1_000_000} MB and was cut off. "
                "An administrator must check the provider's address.",
                code="too_large",
            )
        case _:
            return Unavailable(f"{model} did not finish within {exchange.took_s:.0f} s.")


def _refused(status: int, body: Mapping[str, Any], headers: Mapping[str, str], way: Way) -> StepError:
    model, said = _named(way), _said(body, way)
    codes = {str(body.get(name, "")).lower() for name in ("code", "type")}
    if status == 402 or codes & QUOTA_CODES:
        return Rejected(f"The credit at {way.provider} is used up{said} Add credit or use another model.", code="quota")
    if codes & FILTER_CODES:
        return Rejected(_filtered(way), code="content_filter")
    if codes & CONTEXT_CODES or (status in (400, 413) and "context length" in said.lower()):
        return _coded(BadParams(f"The text is too long for {model}{said} Give it a shorter text."), "context_length")
    if status in (401, 403):
        return AuthFailed(f"{way.provider} does not accept our key{said} An administrator must check the key.")
    if status == 429:
        return _to_wait(f"{model} gets too many questions at the moment{said}", headers, way)
    if status in (503, 529) and retry_after(headers):
        return _to_wait(f"{model} is overloaded{said}", headers, way)
    if status >= 500 or status in OVERLOAD_STATUSES:
        return Unavailable(f"{model} has a failure of its own (status {status}){said} It is safe to try again.")
    if 300 <= status < 400:
        return Rejected(f"{way.provider} has moved (status {status}). An administrator must correct its address.")
    if status == 404:
        return _coded(BadParams(f"{way.provider} does not know {way.model}{said} Choose another."), "no_such_model")
    return BadParams(f"{model} did not understand the question (status {status}){said}")


def _to_wait(what: str, headers: Mapping[str, str], way: Way) -> StepError:
    """Waiting shorter than asked would only be refused again, so a wish beyond the longest wait is final."""
    wait = retry_after(headers)
    if wait is not None and wait > LONGEST_WAIT:
        hours = math.ceil(wait / timedelta(hours=1))
        return Rejected(f"{what} It asks us to wait {hours} hours. Use another model, or run this later.", code="rate")
    return RateLimited(what, retry_after=wait)


def _status_in(body: Mapping[str, Any]) -> int:
    """The status an error inside a stream stands for; a provider that breaks off in the middle is overloaded."""
    for name in ("status", "code", "http_code"):
        value = _number(body.get(name))
        if value is not None and 400 <= value < 600:
            return int(value)
    kind = str(body.get("type", ""))
    return 429 if "rate_limit" in kind else 400 if "invalid_request" in kind else 500


def _body(body: object) -> Mapping[str, Any]:
    """The error object of an error's body, in whatever wrapping."""
    if isinstance(body, Mapping):
        inner = body.get("error")
        return inner if isinstance(inner, Mapping) else body
    return {"message": body} if isinstance(body, str) and not body.lstrip().startswith("<") else {}


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number < 1e9 else None


def _until(wish: str | None, now: datetime) -> timedelta | None:
    try:
        moment = parsedate_to_datetime(wish or "")
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def _coded(error: BadParams, code: str) -> BadParams:
    error.code = code
    return error


def _named(way: Way) -> str:
    return f'The model "{way.model}" ({way.provider})'


def _filtered(way: Way) -> str:
    return f"{way.provider} filtered the answer for its content. Change what is asked, or let a person do it."


def _said(body: Mapping[str, Any], way: Way) -> str:
    """The provider's own words as the end of a sentence; some repeat the key they did not like."""
    message = body.get("message")
    return f": {_short(message, way).rstrip('.')}." if isinstance(message, str) and message.strip() else "."


def _short(text: str, way: Way, most: int = 200) -> str:
    text = " ".join(fit_to_keep(text[:5_000], [way.key])[0].split())
    return text if len(text) <= most else f"{text[:most]}…"


def _cause(error: BaseException, way: Way) -> str:
    cause = error.__cause__ or error
    return _short(str(cause), way, 120) or type(cause).__name__
