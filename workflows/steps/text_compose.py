"""Compose a text out of what earlier steps gave."""

from __future__ import annotations

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose


class ComposeText(Action):
    """Write a text with the results of earlier steps in it. Nothing is sent to an AI."""

    kind = "text.compose"
    title = "Compose a text"
    reads_as = "Compose {text}"
    local = True
    icon = "text-plus"

    class Params(Model):
        text: prose.Readable = Field(
            title="Text",
            description="Plain text or Markdown; insert the data of earlier steps where it belongs.",
            json_schema_extra=hint("long_text", example="Dear {{ inputs.name }}, …"),
        )

    class Output(Model):
        text: str = Field(title="Text")

    def run(self, params: Params, ctx: StepContext) -> Done:
        return Done(self.Output(text=params.text))
