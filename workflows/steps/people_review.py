"""Ask a person to read a draft, change it where needed, and answer for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from connectors.sdk import Action, Ask, Decided, Done, Field, Model, Outcome, Rejected, Signal, StepContext, Wait, hint


class Review(Action):
    """Ask a person to review and edit a draft."""

    kind, title, reads_as = "people.review", "Ask for a review", "Ask {role} to review {draft}"
    icon = "user-edit"
    local = True

    class Params(Model):
        question: str = Field(
            min_length=1,
            max_length=500,
            title="Question",
            json_schema_extra=hint("text", example="Is this what we want to say?"),
        )
        draft: str = Field(max_length=100_000, title="Draft", json_schema_extra=hint("long_text"))
        show: dict[str, Any] = Field(default_factory=dict, title="Facts to show", json_schema_extra=hint("key_value"))
        role: Literal["operator", "builder", "approver", "manager"] = Field(default="approver", title="Who reviews")
        person: str = Field(default="", max_length=254, title="Or one person")
        due_hours: float | None = Field(default=None, gt=0, le=2_160, title="Hours to decide")
        not_the_starter: bool = Field(default=False, title="Not the person who started the run")

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
                role=params.role,
                person=params.person,
                draft=params.draft,
                shown=params.show,
                due=ctx.now + timedelta(hours=params.due_hours) if params.due_hours else None,
                not_the_starter=params.not_the_starter,
            )
        )

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, Decided)
        answer = signal.answer
        text, by = answer.get("text") or params.draft, answer.get("by", "")
        output = self.Output(text=text, draft=params.draft, edited=text != params.draft, by=by)
        if answer["decision"] != "approve":
            reason = f": {answer['reason']}" if answer.get("reason") else "."
            raise Rejected(f"{by} rejected the draft{reason}", output=output.model_dump())
        return Done(output, summary=f"{'edited and ' if output.edited else ''}approved by {by}")
