"""The door to models as a step sees it: `ctx.models`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from connectors import scrubbing
from connectors.models_gateway import routing
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import ModelRequest, Way
from connectors.sdk import Answer, AuthFailed, RateLimited, Rejected, StepError, Unavailable

RESERVED_TOKENS = 2_500
CHARACTERS_PER_TOKEN = 3
MOST_CHARACTERS = 100_000
FEWEST_CHARACTERS = 1_000
OTHERS_MAY_HAVE = frozenset({"quota", "rate", "too_large"})
"""Refusals for want of credit or patience: of this provider, not of the question."""


class StepModels:
    """What one attempt of a step may ask of AI models.

    Every call, failed ones too, is appended to `calls` (see `CallRecord`), and to `notes` a sentence for each model
    that was asked in the place of another. `deadline` is a value of `time.monotonic()`. `sent_back` are the drafts that
    a person has sent back so far, each with `draft` and `remarks`. `department_id`: whose models; None in tests only.
    """

    def __init__(
        self,
        calls: list[CallRecord],
        deadline: float | None = None,
        sent_back: Sequence[Mapping[str, Any]] = (),
        *,
        notes: list[str] | None = None,
        department_id: UUID | None = None,
    ) -> None:
        self._calls = calls
        self._deadline = deadline
        self._sent_back = sent_back
        self._notes = notes if notes is not None else []
        self._department_id = department_id

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
            )
            if failed:
                self._notes.append(_instead(way, failed))
            try:
                return self._ask(request)
            except StepError as error:
                if way is ways.open[-1] or not another_may_answer(error):
                    raise
                failed[way.model] = error
        raise AssertionError("there is always a last way")

    def _ask(self, request: ModelRequest) -> Answer:
        # 20 MiB of libraries that web and scheduler never need.
        from connectors.models_gateway import door

        way = request.way
        scrubbing.learn([way.key])
        try:
            given = door.ask(request, self._calls, known_secrets=scrubbing.known().values)
        except AuthFailed:
            _remember(way)
            raise
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

    def room(self, *, model: str = "") -> int:
        """Characters of material that one question surely takes beside instructions and answer, whichever model of a
        route answers.
        """
        ways = routing.ways(model, self._department_id)
        tokens = min(way.context_tokens for way in ways.open) - RESERVED_TOKENS
        return max(FEWEST_CHARACTERS, min(tokens * CHARACTERS_PER_TOKEN, MOST_CHARACTERS))


def another_may_answer(error: StepError) -> bool:
    """Whether the failure is the provider's, and not that of the question."""
    return isinstance(error, (Unavailable, RateLimited, AuthFailed)) or (
        isinstance(error, Rejected) and error.code in OTHERS_MAY_HAVE
    )


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


def _instead(way: Way, failed: Mapping[str, StepError]) -> str:
    why = " ".join(error.message for error in failed.values())
    return f'"{way.model}" ({way.provider}) was asked in the place of {", ".join(failed)}: {why}'


def _remember(way: Way) -> None:
    if way.key != routing.NO_KEY:
        routing.remember_refused_key(way)
