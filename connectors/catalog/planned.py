"""Stand in for a connector that does not exist yet: say what it would do, and do nothing."""

from __future__ import annotations

from connectors.sdk import Action, Attachment, Done, Field, FileRef, Leaving, Model, StepContext, hint, prose


class Rehearse(Action):
    """Show what would be sent to a system that has no connector yet. Nothing leaves this server."""

    kind = "connector.planned"
    title = "Rehearse a connector"
    reads_as = "Rehearse in {system}: {does}"
    local = True
    icon = "plug"

    class Params(Model):
        system: str = Field(
            min_length=1,
            max_length=80,
            title="System",
            description="What will be connected here one day.",
            json_schema_extra=hint("text", example="Content system", destination="whole"),
        )
        does: str = Field(
            min_length=1,
            max_length=300,
            title="What it would do",
            description="Begin with a verb; it follows “It would”.",
            json_schema_extra=hint("text", example="put the texts in as drafts"),
        )
        to: str = Field(
            default="",
            max_length=500,
            title="For whom",
            description="An address, a channel, a folder.",
            json_schema_extra=hint("text", example="#press-desk", destination="whole"),
        )
        message: prose.Readable = Field(
            default="",
            max_length=prose.LONGEST_TEXT,
            title="What it would send",
            description="Shown in the run as it would have gone out.",
            json_schema_extra=hint("long_text", example="{{ steps.review.text }}"),
        )
        file: FileRef | None = Field(
            default=None,
            title="File it would send",
            description="A file that an earlier step wrote.",
            json_schema_extra=hint("file", example="{{ steps.document.file }}"),
        )

    class Output(Model):
        rehearsed: bool = Field(title="Rehearsed", description="Always yes: nothing was sent.")
        said: str = Field(title="What would have happened")
        system: str = Field(title="System")
        to: str = Field(title="For whom")
        message: str = Field(title="What would have been sent")
        file: FileRef | None = Field(default=None, title="File that would have been sent")

    def run(self, params: Params, ctx: StepContext) -> Done:
        said = sentence(params)
        ctx.note(said)
        return Done(
            self.Output(
                rehearsed=True,
                said=said,
                system=params.system,
                to=params.to,
                message=params.message,
                file=params.file,
            ),
            summary="rehearsed, nothing was sent",
            rehearsed=True,
        )

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        file = params.file
        attached = (Attachment(file.name, file.type, file.size, file.sha256),) if file is not None else ()
        return Leaving(
            params.system, (params.to,) if params.to else (), {"What": params.does}, params.message, attached
        )


def sentence(params: Rehearse.Params) -> str:
    """What would have happened, and that it did not."""
    whom = f" ({params.to})" if params.to else ""
    what = params.does.strip().rstrip(".")
    return f"Rehearsed, nothing was sent: {params.system} has no connector yet. It would {what}{whom}."
