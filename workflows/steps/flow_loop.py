"""The same steps again and again, one round after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sdk import ArmsEnded, Done, Enter, Field, Flow, Model, Outcome, Signal, StepContext, hint


class Loop(Flow):
    """Repeat the steps inside until a condition is true, at most so many times."""

    kind, title, reads_as = "flow.loop", "Repeat", "Repeat at most {times} times"
    icon = "rotate"
    sequences = ("steps",)
    unrendered = ("until",)
    repeats = True

    class Params(Model):
        times: int = Field(
            ge=1,
            le=1_000,
            title="Rounds at most",
            description="The loop ends after so many rounds, whatever happens.",
            json_schema_extra=hint("number", example="3"),
        )
        until: dict[str, Any] | None = Field(
            default=None,
            title="Until",
            description="Looked at after each round; when it is true the loop ends.",
            json_schema_extra=hint("conditions", example="{{ steps.check.label }} is good"),
        )

    class Output(Model):
        rounds: int = Field(title="Rounds", description="How many rounds were made.")
        reached: bool = Field(title="Reached", description="Whether the condition became true.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return self._enter(1)

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, ArmsEnded)
        reached = params.until is not None and ctx.holds(params.until)
        if reached or signal.round >= params.times:
            return Done(self.Output(rounds=signal.round, reached=reached))
        return self._enter(signal.round + 1)

    def _enter(self, round: int) -> Enter:
        return Enter(["steps"], round=round, scope={"round": round})

    @classmethod
    def names_inside(cls, given: Mapping[str, Any]) -> tuple[str, ...]:
        return ("round",)

    @classmethod
    def names_sampled(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"round": 1}
