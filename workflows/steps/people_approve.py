"""Ask people for a yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from connectors.sdk import Action, Ask, Decided, Done, Field, Model, Outcome, Rejected, Signal, StepContext, Wait, hint
from connectors.sdk.asking import Facts, People, Question, Time, asking_problems


class Approve(Action):
    """Ask people to approve or reject."""

    kind, title, reads_as = "people.approve", "Ask for approval", "Ask {role} to approve: {question}"
    icon = "user-check"
    local = True
    by_hand = False

    class Params(Time, People, Facts, Question):
        unanswered: Literal["reject", "approve"] = Field(
            default="reject",
            title="The answer if nobody gives one",
            description="The run goes on with it as if a person had said so.",
            json_schema_extra=hint(
                "choice",
                labels={"reject": "Rejected", "approve": "Approved"},
                advanced=True,
                when={"at_end": ["answer"]},
            ),
        )
        sends: str = Field(
            default="",
            max_length=60,
            title="What will be sent",
            description="A step after this one: what it will send is shown to the letter, and nothing else may leave.",
            json_schema_extra=hint("choice", source="sending_steps", nothing="Nothing in particular", advanced=True),
        )

    class Output(Model):
        decision: Literal["approved", "rejected"] = Field(title="Decision")
        reason: str = Field(title="Reason")
        by: str = Field(title="Decided by")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Wait(
            ask=Ask(
                kind="approve",
                question=params.question,
                whom=params.asks(),
                shown=params.show,
                not_the_starter=params.not_the_starter,
                not_the_author=params.not_the_author,
                deadline=params.deadline({"decision": params.unanswered}),
                sends=params.sends,
            )
        )

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, Decided)
        answer = signal.answer
        output = self.Output(
            decision="approved" if answer["decision"] == "approve" else "rejected",
            reason=answer.get("reason", ""),
            by=answer.get("by", ""),
        )
        if output.decision == "rejected":
            why = f": {output.reason}" if output.reason else "."
            raise Rejected(f"{output.by} rejected “{params.question}”{why}", output=output.model_dump())
        return Done(output, summary=f"approved by {output.by}")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return asking_problems(given)
