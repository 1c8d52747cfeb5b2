"""The door to models as a step sees it: `ctx.models`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors import scrubbing
from connectors.models_gateway import breaker, routing
from connectors.models_gateway.payer import Payer
from connectors.models_gateway.purse import Purse
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import ModelRequest, Way
from connectors.sdk import Answer, AuthFailed, RateLimited, StepError, Unavailable
from connectors.sdk.errors import NotNow

RESERVED_TOKENS = 2_500
CHARACTERS_PER_TOKEN = 3
MOST_CHARACTERS = 100_000
FEWEST_CHARACTERS = 1_000
OTHERS_MAY_HAVE = frozenset({"quota", "rate", "too_large", "breaker_open", "retry_budget"})
"""Refusals for want of credit or patience: of this provider, not of the question."""


class StepModels:
    """What one attempt of a step may ask of AI models.

    Every call, failed ones too, is appended to `calls` (see `CallRecord`), and to `notes` a sentence for each model
    that was asked in the place of another. `deadline` is a value of `time.monotonic()`. `sent_back` are the drafts that
    a person has sent back so far, each with `draft` and `remarks`. `payer`: whose models and whose
    money; None in tests of the door only.
    """

    def __init__(
        self,
        calls: list[CallRecord],
        deadline: float | None = None,
        sent_back: Sequence[Mapping[str, Any]] = (),
        *,
        notes: list[str] | None = None,
        payer: Payer | None = None,
    ) -> None:
        self._calls = calls
        self._deadline = deadline
        self._sent_back = sent_back
        self._notes = notes if notes is not None else []
        self._payer = payer
        self._department_id = payer.department.subject if payer is not None else None

    def ask(
        self,
        instructions: str,
        blocks: Mapping[str, str],
        *,
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int = 1000,
        temperature: float = 0.2,
    ) -> Answer:
        ways = routing.ways(model, self._department_id)
        instructions, blocks = with_remarks(instructions, blocks, self._sent_back)
        failed: dict[str, StepError] = dict(ways.closed)
        asked_before = len(self._calls)
        for way in ways.open:
            request = ModelRequest(
                way=way,
                instructions=instructions,
                blocks=blocks,
                schema=schema,
                max_tokens=max_tokens,
                temperature=temperature,
                deadline=self._deadline,
                instead_of=tuple(failed),
                is_extra=len(self._calls) > asked_before or (self._payer is not None and self._payer.is_repeat),
            )
            try:
                answer = self._ask(request)
            except StepError as error:
                if not another_may_answer(error):
                    raise
                failed[way.model] = error
            else:
                if request.instead_of:
                    self._notes.append(_instead(way, failed))
                return answer
        raise _worst(failed)

    def _ask(self, request: ModelRequest) -> Answer:
        """Of one model. A probe that fails says nothing about the step: it waits on."""
        way = request.way
        if way.probes:
            breaker.require_probe(way)
        try:
            return self._asked(request)
        except NotNow:
            if way.probes:
                breaker.give_up_probe(way)
            raise
        except (Unavailable, RateLimited) as error:
            if way.probes:
                raise NotNow(error.message, code="breaker_open", after=breaker.OPEN_FOR) from None
            raise

    def _asked(self, request: ModelRequest) -> Answer:
        # 20 MiB of libraries that web and scheduler never need.
        from connectors.models_gateway import door

        way, purse = request.way, Purse(self._payer) if self._payer is not None else None
        scrubbing.learn([way.key])
        try:
            given = door.ask(request, self._calls, known_secrets=scrubbing.known().values, purse=purse)
        except StepError as error:
            if isinstance(error, AuthFailed):
                _remember(way)
            if self._payer is not None and error.code in (AuthFailed.code, "quota"):
                self._payer.tell_of(way.provider, error)
            raise
        self._watch_name(way, given.model)
        return Answer(
            text=given.text,
            data=given.data,
            model=given.model,
            provider=way.provider,
            tokens_in=given.tokens_in,
            tokens_out=given.tokens_out,
            cost_usd=float(given.cost_usd),
            repaired=given.repaired,
        )

    def _watch_name(self, way: Way, name: str) -> None:
        """A provider that puts another model behind the same name changes what the workflow does (case M20)."""
        if way.model_id is None or not name or name == way.answered_as:
            return
        routing.remember_name(way, name)
        if way.answered_as:
            self._calls[-1]["changed_from"] = way.answered_as
            self._notes.append(
                f'{way.provider} answers as "{name}" now where it answered as "{way.answered_as}" before: '
                f'another model stands behind "{way.model}".'
            )

    def room(self, *, model: str = "") -> int:
        """Characters of material that one question surely takes beside instructions and answer, whichever model of a
        route answers.
        """
        ways = routing.ways(model, self._department_id)
        tokens = min(way.context_tokens for way in ways.open) - RESERVED_TOKENS
        return max(FEWEST_CHARACTERS, min(tokens * CHARACTERS_PER_TOKEN, MOST_CHARACTERS))


def another_may_answer(error: StepError) -> bool:
    """Whether the failure is the provider's, and not that of the question."""
    return isinstance(error, (Unavailable, RateLimited, AuthFailed)) or error.code in OTHERS_MAY_HAVE


def with_remarks(
    instructions: str, blocks: Mapping[str, str], sent_back: Sequence[Mapping[str, Any]]
) -> tuple[str, Mapping[str, str]]:
    """The last draft goes along as material; the remarks of all rounds are orders, for colleagues gave them."""
    if not sent_back:
        return instructions, blocks
    remarks = "\n".join(f"- {each['remarks']}" for each in sent_back)
    anew = (
        f"{instructions}\n\nA colleague has sent your earlier draft back. Do it anew and heed these remarks:\n{remarks}"
    )
    return anew, {**blocks, "earlier draft": str(sent_back[-1]["draft"])}


def _worst(failed: Mapping[str, StepError]) -> StepError:
    """What to say when nobody answered: the last failure that may pass, else the last."""
    may_pass = [error for error in failed.values() if error.retryable]
    waits = [error for error in failed.values() if isinstance(error, NotNow)]
    return (may_pass or waits or [*failed.values()])[-1]


def _instead(way: Way, failed: Mapping[str, StepError]) -> str:
    why = " ".join(error.message for error in failed.values())
    return f'"{way.model}" ({way.provider}) was asked in the place of {", ".join(failed)}: {why}'


def _remember(way: Way) -> None:
    if way.key != routing.NO_KEY:
        routing.remember_refused_key(way)
