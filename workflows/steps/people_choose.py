"""Ask a person to choose one of several drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from connectors.sdk import Action, Ask, Decided, Done, Field, Model, Outcome, Rejected, Signal, StepContext, Wait, hint
from connectors.sdk.asking import LONGEST_DRAFT, Facts, People, Question, Time, asking_problems
from connectors.sdk.shown import readable


def _one_by_one(written: Any) -> Any:
    """A line of the form that is one whole reference arrives as the list it names."""
    if not isinstance(written, list):
        return written
    flat = [item for line in written for item in (line if isinstance(line, list) else [line])]
    return [readable(item)[:LONGEST_DRAFT] for item in flat]


class Drafts(Question):
    drafts: Annotated[list[str], BeforeValidator(_one_by_one)] = Field(
        min_length=2,
        max_length=20,
        title="Drafts",
        description="One per line; a list that an earlier step gives may stand in a line of its own.",
        json_schema_extra=hint("list", example="{{ steps.short.text }}"),
    )


class Choose(Action):
    """Ask a person to choose one of several drafts, and to change it if need be."""

    kind, title, reads_as = "people.choose", "Ask to choose a draft", "Ask {role} to choose: {question}"
    icon = "checklist"
    local = True
    by_hand = False

    class Params(Time, People, Facts, Drafts):
        unanswered: int = Field(
            default=1,
            ge=1,
            le=20,
            title="The draft if nobody chooses",
            description="Its number.",
            json_schema_extra=hint("number", example="1", advanced=True, when={"at_end": ["answer"]}),
        )

    class Output(Model):
        text: str = Field(title="Final text")
        option: int = Field(title="Number of the draft")
        draft: str = Field(title="Draft that was chosen")
        edited: bool = Field(title="Edited", description="Whether the person changed the draft.")
        by: str = Field(title="Chosen by")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Wait(
            ask=Ask(
                kind="choose",
                question=params.question,
                whom=params.asks(),
                shown=params.show,
                options=params.drafts,
                not_the_starter=params.not_the_starter,
                not_the_author=params.not_the_author,
                deadline=params.deadline({"decision": "choose", "option": params.unanswered}),
            )
        )

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, Decided)
        answer, by = signal.answer, signal.answer.get("by", "")
        if answer["decision"] != "choose":
            why = f": {answer['reason']}" if answer.get("reason") else "."
            raise Rejected(f"{by} chose none of the drafts{why}")
        option = min(int(answer["option"]), len(params.drafts))
        draft = params.drafts[option - 1]
        text = answer.get("text") or draft
        output = self.Output(text=text, option=option, draft=draft, edited=text != draft, by=by)
        return Done(output, summary=f"draft {option} chosen by {by}")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return asking_problems(given)
