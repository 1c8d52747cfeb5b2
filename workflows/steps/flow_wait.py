"""Let time pass. It costs a row, never a worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.sdk import Done, Field, Flow, Model, Outcome, Signal, StepContext, Wait, hint

LONGEST = timedelta(days=90)


class WaitFor(Flow):
    """Wait some seconds, or until a moment."""

    kind, title, reads_as = "flow.wait", "Wait", "Wait {for_s} seconds"
    icon = "hourglass"

    class Params(Model):
        for_s: float | None = Field(
            default=None,
            ge=0,
            le=LONGEST.total_seconds(),
            title="Seconds",
            description="How long to wait: 3600 is an hour, 86400 a day. Or name a moment below.",
            json_schema_extra=hint("number", example="3600"),
        )
        until: datetime | None = Field(
            default=None,
            title="Until",
            description="A moment; without a time zone it is meant in UTC.",
            json_schema_extra=hint("text", example="2027-01-31T09:00:00+01:00"),
        )

    class Output(Model):
        waited_s: float = Field(title="Waited", description="Seconds from the beginning of the wait to its end.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        until = min(_moment(params, ctx.now), ctx.now + LONGEST)
        if ctx.run.mode == "test":
            said = f"Would wait until {until:%Y-%m-%d %H:%M} UTC"
            return Done(self.Output(waited_s=max(0.0, (until - ctx.now).total_seconds())), said, rehearsed=True)
        return Wait(until=until)

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        return Done(self.Output(waited_s=round((ctx.now - ctx.begun_at).total_seconds(), 3)))

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        if ("for_s" in given) == ("until" in given):
            return {"for_s": "Give either the seconds or the moment."}
        return {}


def _moment(params: WaitFor.Params, now: datetime) -> datetime:
    if params.until is None:
        return now + timedelta(seconds=params.for_s or 0)
    return params.until if params.until.tzinfo else params.until.replace(tzinfo=UTC)
