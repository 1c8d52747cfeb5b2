"""Try something; when it fails, do something else instead of failing."""

from __future__ import annotations

from typing import Any

from connectors.sdk import ArmsEnded, Done, Enter, Field, Flow, Model, Outcome, Signal, StepContext


class Attempt(Flow):
    """Try the steps inside; if one fails for good, do the rescue steps and go on."""

    kind, title, reads_as = "flow.attempt", "Try, and rescue", "Try the steps inside; if one fails, rescue"
    icon = "lifebuoy"
    sequences = ("steps", "rescue")
    may_lack = ("rescue",)
    arms_follow_each_other = True

    class Params(Model):
        pass

    class Output(Model):
        rescued: bool = Field(title="Rescued", description="Whether the rescue steps were needed.")
        error: str = Field(title="Error", description="What had failed, or nothing.")
        failed_step: str = Field(title="Failed step", description="The step that had failed, or nothing.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Enter(["steps"], catches=True)

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, ArmsEnded)
        if signal.error is not None:
            what = {"error": signal.error.get("message", ""), "failed_step": signal.error.get("step", "")}
            if ctx.step.get("rescue"):
                return Enter(["rescue"], scope={"failure": what})
            return Done(self.Output(rescued=True, **what), summary="failed; nothing was left to do")
        rescued = signal.arms[0] == "rescue"
        failure = ctx.names.get("failure", {}) if rescued else {}
        return Done(
            self.Output(rescued=rescued, error=failure.get("error", ""), failed_step=failure.get("failed_step", ""))
        )

    @classmethod
    def names_inside(cls, given: object) -> tuple[str, ...]:
        return ("failure",)

    @classmethod
    def names_sampled(cls, given: object) -> dict[str, Any]:
        return {"failure": {"error": "The server did not answer.", "failed_step": ""}}
