"""Somebody fills in a form that has an address of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict

from connectors.sdk import Field, Model, hint
from connectors.sdk.triggers import Told


class Form(Told):
    """Starts when somebody sends the form."""

    kind = "web.form"
    title = "When somebody fills in a form"
    about = "A page with the questions of the workflow, for people who have no account here, or for colleagues."
    reads_as = "When somebody fills in its form"
    icon = "forms"
    at = "hosted_form"
    signs = False

    class Settings(Model):
        who: Literal["anyone", "signed_in"] = Field(
            default="anyone",
            title="Who may fill it in",
            description="The address cannot be guessed, but whoever gets it can pass it on.",
            json_schema_extra=hint(
                "choice",
                labels={"anyone": "Anyone who has the address", "signed_in": "Whoever has an account here"},
            ),
        )
        intro: str = Field(
            default="",
            max_length=2_000,
            title="Above the questions",
            description="What it is for, and what becomes of the answers.",
            json_schema_extra=hint("long_text", example="Ask the press desk. We answer within a working day."),
        )
        thanks: str = Field(
            default="",
            max_length=2_000,
            title="After sending",
            description="What people read then. Empty: “Thank you. It has arrived.”",
            json_schema_extra=hint("long_text", example="Thank you. You will hear from us by mail."),
        )
        files: bool = Field(
            default=False,
            title="Take files from anybody",
            description="Else questions for a file are left out for those who are not signed in.",
            json_schema_extra=hint("switch", advanced=True),
        )
        per_minute: int = Field(
            default=20,
            ge=1,
            le=1_000,
            title="Answers a minute at most",
            description="Against floods: beyond that people are asked to try again in a minute.",
            json_schema_extra=hint("number", example="20", advanced=True),
        )

    @classmethod
    def fits(cls, settings: Settings, needed: Mapping[str, str]) -> dict[str, str]:
        files = [name for name, type_ in needed.items() if type_ == "file"]
        if settings.who == "signed_in" or settings.files or not files:
            return {}
        return {"files": f"The workflow needs a file ({files[0]}). Switch this on, or let only colleagues fill it in."}

    class Gives(Model):
        """The answers, each by the name of its question."""

        model_config = ConfigDict(extra="allow")

        by: str = Field(title="Who sent it", description="The account of a colleague; empty for others.")
