"""Ask a person for a yes or no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from connectors.sdk import Action, Ask, Decided, Done, Field, Model, Outcome, Rejected, Signal, StepContext, Wait, hint


class Approve(Action):
    """Ask a person to approve or reject."""

    kind, title, reads_as = "people.approve", "Ask for approval", "Ask {role} to approve: {question}"
    icon = "user-check"
    local = True

    class Params(Model):
        question: str = Field(
            min_length=1,
            max_length=500,
            title="Question",
            description="What the person is asked, in one sentence.",
            json_schema_extra=hint("text", example="May this statement be published?"),
        )
        show: dict[str, Any] = Field(
            default_factory=dict,
            title="Facts to show",
            description="Label and value, shown beside the question.",
            json_schema_extra=hint("key_value", example="Deadline: {{ steps.facts.deadline }}"),
        )
        role: Literal["operator", "builder", "approver", "manager"] = Field(
            default="approver",
            title="Who decides",
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
        decision: Literal["approved", "rejected"] = Field(title="Decision")
        reason: str = Field(title="Reason")
        by: str = Field(title="Decided by")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Wait(
            ask=Ask(
                kind="approve",
                question=params.question,
                role=params.role,
                person=params.person,
                shown=params.show,
                due=ctx.now + timedelta(hours=params.due_hours) if params.due_hours else None,
                not_the_starter=params.not_the_starter,
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
