"""Several sequences at once."""

from __future__ import annotations

from connectors.sdk import Done, Enter, Field, Flow, Model, Outcome, Signal, StepContext


class Parallel(Flow):
    """Do several things at once and go on when all are done."""

    kind, title, reads_as = "flow.parallel", "Do at the same time", "Do several things at the same time"
    icon = "arrows-split"
    sequences = ("arms",)

    class Params(Model):
        pass

    class Output(Model):
        arms: int = Field(title="Arms", description="How many sequences were done.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        arms = [f"arms.{index}" for index in range(len(ctx.step["arms"]))]
        return Enter(arms) if arms else Done(self.Output(arms=0))

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        return Done(self.Output(arms=len(ctx.step["arms"])))
