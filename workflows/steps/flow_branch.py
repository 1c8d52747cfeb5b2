"""Take the first way whose condition is true."""

from __future__ import annotations

from connectors.sdk import ArmsEnded, Done, Enter, Field, Flow, Model, Outcome, Signal, StepContext


class Branch(Flow):
    """Go one of several ways."""

    kind, title, reads_as = "flow.branch", "Branch", "Go one of several ways"
    icon = "arrows-split-2"
    sequences = ("cases", "otherwise")
    may_lack = ("otherwise",)

    class Params(Model):
        pass

    class Output(Model):
        taken: str = Field(title="Taken", description="The title of the way that was taken.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        for index, case in enumerate(ctx.step.get("cases") or ()):
            if ctx.holds(case["when"]):
                return Enter([f"cases.{index}"])
        if ctx.step.get("otherwise"):
            return Enter(["otherwise"])
        return Done(self.Output(taken=""), summary="no condition was true")

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, ArmsEnded)
        return Done(self.Output(taken=_name(ctx, signal.arms[0])))


def _name(ctx: StepContext, arm: str) -> str:
    if arm == "otherwise":
        return "otherwise"
    index = int(arm.partition(".")[2])
    return ctx.step["cases"][index].get("title") or f"case {index + 1}"
