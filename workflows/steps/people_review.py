"""Ask a person to read a draft, change it where needed, and answer for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from connectors.sdk import (
    Action,
    Ask,
    Decided,
    Done,
    Field,
    Model,
    Outcome,
    Rejected,
    SendBack,
    Signal,
    StepContext,
    Wait,
    hint,
)
from connectors.sdk.asking import LONGEST_DRAFT, Facts, People, Question, Time, asking_problems


class Draft(Question):
    draft: str = Field(
        max_length=LONGEST_DRAFT,
        title="Draft",
        description="The text to look through; the person may change it before it goes on.",
        json_schema_extra=hint("long_text", example="{{ steps.draft.text }}"),
    )


class Review(Action):
    """Ask a person to review and edit a draft."""

    kind, title, reads_as = "people.review", "Ask for a review", "Ask {role} to review {draft}"
    icon = "user-edit"
    local = True
    by_hand = False

    class Params(Time, People, Facts, Draft):
        unanswered: Literal["reject", "approve"] = Field(
            default="reject",
            title="The answer if nobody gives one",
            description="The run goes on with it as if a person had said so.",
            json_schema_extra=hint(
                "choice",
                labels={"reject": "Rejected", "approve": "The draft as it is"},
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
        text: str = Field(title="Final text")
        draft: str = Field(title="Draft")
        edited: bool = Field(title="Edited", description="Whether the person changed the draft.")
        by: str = Field(title="Reviewed by")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Wait(
            ask=Ask(
                kind="review",
                question=params.question,
                whom=params.asks(),
                draft=params.draft,
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
        text, by = answer.get("text") or params.draft, answer.get("by", "")
        if answer["decision"] == "send_back":
            return SendBack(remarks=answer.get("reason", ""), draft=text, by=by)
        output = self.Output(text=text, draft=params.draft, edited=text != params.draft, by=by)
        if answer["decision"] != "approve":
            reason = f": {answer['reason']}" if answer.get("reason") else "."
            raise Rejected(f"{by} rejected the draft{reason}", output=output.model_dump())
        return Done(output, summary=f"{'edited and ' if output.edited else ''}approved by {by}")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return asking_problems(given)
