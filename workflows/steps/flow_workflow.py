"""Run another workflow of the department and take its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sdk import Call, ChildrenEnded, Done, Field, Flow, Model, Outcome, Signal, StepContext, hint


class RunWorkflow(Flow):
    """Run another workflow once and wait for its result."""

    kind, title, reads_as = "flow.workflow", "Run a workflow", "Run the workflow {workflow}"
    icon = "hierarchy"
    starts_runs = True

    class Params(Model):
        workflow: str = Field(
            min_length=1,
            max_length=60,
            title="Workflow",
            description="A published workflow of this department.",
            json_schema_extra=hint("choice", source="workflows"),
        )
        inputs: dict[str, Any] = Field(
            default_factory=dict,
            title="Inputs",
            description="What its start form asks for: the name of each input, and its value.",
            json_schema_extra=hint("key_value", example="article: {{ steps.feed.text }}"),
        )

    class Output(Model):
        output: dict[str, Any] = Field(title="Output", description="What the workflow gave.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Call(params.workflow, params.inputs)

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, ChildrenEnded)
        return Done(self.Output(output=signal.results[0] or {}))

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        if "{{" in str(given.get("workflow", "")):
            return {"workflow": "Name the workflow itself: which one runs is not left to a value."}
        return {}
