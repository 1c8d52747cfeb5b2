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
            description="What the person is asked, in one sentence.",
            json_schema_extra=hint("text", example="Is this what we want to say?"),
        )
        draft: str = Field(
            max_length=100_000,
            title="Draft",
            description="The text to look through; the person may change it before it goes on.",
            json_schema_extra=hint("long_text", example="{{ steps.draft.text }}"),
        )
        show: dict[str, Any] = Field(
            default_factory=dict,
            title="Facts to show",
            description="Label and value, shown beside the draft.",
            json_schema_extra=hint("key_value", example="Deadline: {{ steps.facts.deadline }}"),
        )
        role: Literal["operator", "builder", "approver", "manager"] = Field(
            default="approver",
            title="Who reviews",
            description="Anybody in the department with this role may take the task.",
            json_schema_extra=hint(
                "choice",
                labels={"operator": "Operators", "builder": "Builders", "approver": "Approvers", "manager": "Managers"},
            ),
        )
        person: str = Field(
            default="",
            max_length=254,
            title="Or one person",
            description="Then nobody else is asked.",
            json_schema_extra=hint("choice", source="people", nothing="Nobody in particular"),
        )
        due_hours: float | None = Field(
            default=None,
            gt=0,
            le=2_160,
            title="Hours to decide",
            description="When they are over, the task counts as overdue. Leave it empty for no deadline.",
            json_schema_extra=hint("number", example="24"),
        )
        not_the_starter: bool = Field(
            default=False,
            title="Not the person who started the run",
            description="Four eyes: somebody else has to look at it.",
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
