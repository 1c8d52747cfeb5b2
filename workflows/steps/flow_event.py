"""Wait until another system tells of something: a signature that was given, a translation that has come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from connectors.sdk import (
    Done,
    EventCame,
    Field,
    Flow,
    Listen,
    Model,
    Outcome,
    Rejected,
    Signal,
    StepContext,
    Wait,
    hint,
)

LONGEST_H = 24 * 90


class WaitForEvent(Flow):
    """Wait for an event of a trigger of this workflow: the one with this reference, whether it came or comes yet."""

    kind, title, reads_as = "flow.event", "Wait for an event", "Wait for “{event}” with the reference {reference}"
    icon = "ear"

    class Params(Model):
        event: str = Field(
            title="Which event",
            description="A trigger of this workflow that has a reference. Set it up under “Starts by itself”.",
            json_schema_extra=hint("choice", source="events", example="contract-signed"),
        )
        reference: str = Field(
            min_length=1,
            max_length=300,
            title="Reference",
            description="What tells this one from all others, as the other system sends it: the number of an order.",
            json_schema_extra=hint("text", example="{{ steps.send.body.envelope }}"),
        )
        within_h: float = Field(
            default=24 * 14,
            gt=0,
            le=LONGEST_H,
            title="Hours to wait",
            description="Counted from when the run comes here. An event that came before is taken at once.",
            json_schema_extra=hint("number", example="336"),
        )
        if_none: Literal["fail", "go_on"] = Field(
            default="fail",
            title="If none comes",
            description="Whether the step fails then, or the workflow goes on and can ask whether it came.",
            json_schema_extra=hint("choice", labels={"fail": "The step fails", "go_on": "Go on without it"}),
        )

    class Output(Model):
        came: bool = Field(title="Came", description="Whether the event came in time.")
        event: dict[str, Any] = Field(title="Event", description="What the trigger gives; empty where none came.")
        title: str = Field(title="Title", description="What people call the event.")
        waited_s: float = Field(title="Waited", description="Seconds from the beginning of the wait to its end.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        if ctx.run.mode == "test":
            said = f"Would wait for “{params.event}” with the reference {params.reference}"
            return Done(self.Output(came=True, event={}, title="", waited_s=0.0), said, rehearsed=True)
        until = ctx.now + timedelta(hours=params.within_h)
        return Wait(until=until, event=Listen(params.event, params.reference))

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        waited_s = round((ctx.now - ctx.begun_at).total_seconds(), 3)
        if isinstance(signal, EventCame):
            found = self.Output(came=True, event=dict(signal.data), title=signal.title, waited_s=waited_s)
            return Done(found, signal.title)
        if params.if_none == "fail":
            raise Rejected(
                f"No event with the reference {params.reference} came within {params.within_h:g} hours.",
                code="nothing_came",
            )
        return Done(self.Output(came=False, event={}, title="", waited_s=waited_s), "none came")
