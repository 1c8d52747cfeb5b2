"""Another workflow of the department comes to its end."""

from __future__ import annotations

from typing import Any, Literal

from connectors.sdk import Field, Model, hint
from connectors.sdk.triggers import Within


class WorkflowEnded(Within):
    """Starts when a run of another workflow ends."""

    kind = "workflow.ended"
    title = "When another workflow ends"
    about = "For every run of another workflow of the department that succeeds or fails: to go on, or to see to it."
    reads_as = "When “{workflow}” ends"
    icon = "flag"

    class Settings(Model):
        workflow: str = Field(
            min_length=1,
            max_length=60,
            title="Workflow",
            description="Another one of this department. Its tests do not count, nor does what runs inside other runs.",
            json_schema_extra=hint("choice", source="workflows"),
        )
        how: Literal["succeeded", "failed", "either"] = Field(
            default="succeeded",
            title="How it ends",
            description="A run counts once: one that failed, and succeeds after it was carried on, is told as failed.",
            json_schema_extra=hint(
                "choice", labels={"succeeded": "It succeeds", "failed": "It fails", "either": "It succeeds or fails"}
            ),
        )

    class Gives(Model):
        run: str = Field(title="Run", description="Its id.")
        workflow: str = Field(title="Workflow", description="Its name.")
        title: str = Field(title="Title", description="What people call the run.")
        status: str = Field(title="Status", description="succeeded or failed.")
        output: Any = Field(title="Output", description="What it gave; nothing where it failed.")
        error: dict[str, Any] | None = Field(title="Error", description="Why it failed: message, code and step.")
        started_by: str = Field(title="Started by")
        finished_at: str = Field(title="Ended at")

    @classmethod
    def place(cls, settings: Settings) -> str:
        return settings.workflow

    @classmethod
    def said(cls, settings: Settings) -> str:
        does = {"succeeded": "succeeds", "failed": "fails", "either": "ends"}[settings.how]
        return f"When “{settings.workflow}” {does}"
