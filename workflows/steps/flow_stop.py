"""End the run here."""

from __future__ import annotations

from typing import Literal

from connectors.sdk import Field, Flow, Model, Outcome, StepContext, Stop, hint


class StopHere(Flow):
    """End the whole run, as a success or as a failure."""

    kind, title, reads_as = "flow.stop", "Stop", "Stop the run: {message}"
    icon = "square"

    class Params(Model):
        ending: Literal["succeeded", "failed"] = Field(
            default="succeeded",
            alias="as",
            title="Counts as",
            description="How the run stands in the list afterwards.",
            json_schema_extra=hint("choice", labels={"succeeded": "Done", "failed": "Failed"}),
        )
        message: str = Field(
            default="",
            max_length=1_000,
            title="Why",
            description="Stands in the run for everybody to read.",
            json_schema_extra=hint("text", example="Nothing to do today"),
        )

    class Output(Model):
        message: str

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Stop(succeeded=params.ending == "succeeded", message=params.message)
