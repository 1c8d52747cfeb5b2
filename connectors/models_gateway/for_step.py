"""The door to models as a step sees it: `ctx.models`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors import scrubbing
from connectors.models_gateway import routing
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import ModelRequest, Route
from connectors.sdk import Answer, AuthFailed

RESERVED_TOKENS = 2_500
CHARACTERS_PER_TOKEN = 3
MOST_CHARACTERS = 100_000
FEWEST_CHARACTERS = 1_000


class StepModels:
    """What one attempt of a step may ask of AI models.

    Every call, failed ones too, is appended to `calls` (see `CallRecord`). `deadline` is a value of `time.monotonic()`.
    `sent_back` are the drafts that a person has sent back so far, each with `draft` and `remarks`.
    """

    def __init__(
        self, calls: list[CallRecord], deadline: float | None = None, sent_back: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._calls = calls
        self._deadline = deadline
        self._sent_back = sent_back

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
        # 20 MiB of libraries that web and scheduler never need.
        from connectors.models_gateway import door

        route = routing.choose(model)
        scrubbing.learn([route.key])
        instructions, blocks = with_remarks(instructions, blocks, self._sent_back)
        request = ModelRequest(
            route=route,
            instructions=instructions,
            blocks=blocks,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            deadline=self._deadline,
        )
        try:
            given = door.ask(request, self._calls, known_secrets=scrubbing.known().values)
        except AuthFailed:
            _remember(route)
            raise
        return Answer(
            text=given.text,
            data=given.data,
            model=given.model,
            provider=route.provider,
            tokens_in=given.tokens_in,
            tokens_out=given.tokens_out,
            cost_usd=float(given.cost_usd),
            repaired=given.repaired,
        )

    def room(self, *, model: str = "") -> int:
        """Characters of material that one question to this model surely takes beside instructions and answer."""
        tokens = routing.choose(model).context_tokens - RESERVED_TOKENS
        return max(FEWEST_CHARACTERS, min(tokens * CHARACTERS_PER_TOKEN, MOST_CHARACTERS))


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


def _remember(route: Route) -> None:
    if route.key != routing.NO_KEY:
        routing.remember_refused_key(route)
