"""Compose a text out of what earlier steps gave."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from connectors.sdk import Action, Done, Field, Model, StepContext, hint


def as_text(value: Any) -> str:
    """What a person would read. A text that is one whole reference arrives here as the value it names."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return str(value)


class ComposeText(Action):
    """Write a text with the results of earlier steps in it. Nothing is sent to an AI."""

    kind = "text.compose"
    title = "Compose a text"
    reads_as = "Compose {text}"
    local = True
    icon = "text-plus"

    class Params(Model):
        text: Annotated[str, BeforeValidator(as_text)] = Field(
            title="Text",
            description="Plain text or Markdown; insert the data of earlier steps where it belongs.",
            json_schema_extra=hint("long_text", example="Dear {{ inputs.name }}, …"),
        )

    class Output(Model):
        text: str = Field(title="Text")

    def run(self, params: Params, ctx: StepContext) -> Done:
        return Done(self.Output(text=params.text))
