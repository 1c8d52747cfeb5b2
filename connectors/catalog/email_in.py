"""E-mail that has come in: the step that reads it from a mailbox (email.py), with what is attached."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.sdk import Action, Done, Field, Model, StepContext, hint
from connectors.sdk.mail import Arrived, Enclosure, Sought


class ReadMail(Action):
    """Read what has come into a mailbox of the department. Nothing in it changes."""

    kind = "email.read"
    title = "Read e-mails"
    reads_as = "Read the mails in {folder} of {connection}"
    icon = "mail"
    timeout_s = 300

    class Params(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Mailbox",
            description="It must be set up for reading (IMAP), under Connections.",
            json_schema_extra=hint("choice", source="connections:email"),
        )
        folder: str = Field(
            default="INBOX",
            min_length=1,
            max_length=300,
            title="Folder",
            description="As the mail server calls it.",
            json_schema_extra=hint("text", example="INBOX"),
        )
        unread: bool = Field(
            default=True,
            title="Only unread ones",
            description="Reading them here does not mark them as read.",
            json_schema_extra=hint("switch"),
        )
        since: date | None = Field(
            default=None,
            title="Since",
            description="The day from which on.",
            json_schema_extra=hint("date", example="{{ run.date }}"),
        )
        sender: str = Field(
            default="",
            max_length=200,
            title="From",
            description="A part of the sender's name or address.",
            json_schema_extra=hint("text", example="@agency.example"),
        )
        subject: str = Field(
            default="",
            max_length=200,
            title="Subject contains",
            description="A part of the subject.",
            json_schema_extra=hint("text", example="Mention"),
        )
        attachments: bool = Field(
            default=False,
            title="Keep attachments",
            description="As files, which later steps read or send on: at most 20 of a mail, with 20 MB together.",
            json_schema_extra=hint("switch"),
        )
        after: int = Field(
            default=0,
            ge=0,
            title="After the number",
            description="Only mails that came after the one with this number.",
            json_schema_extra=hint("number", example="{{ inputs.last }}", advanced=True),
        )
        most: int = Field(
            default=20,
            ge=1,
            le=100,
            title="At most",
            description="The oldest come first.",
            json_schema_extra=hint("number", example="50", advanced=True),
        )

    class Output(Model):
        mails: list[dict[str, Any]] = Field(
            title="Mails", description="Each with number, id, from, to, subject, date, text, files and problems."
        )
        count: int = Field(title="How many")
        last: int = Field(title="Number of the last one", description="0 when there was none.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        wanted = params.model_dump(exclude={"connection", "attachments"})
        found = ctx.account(params.connection).mail.fetch(Sought(**wanted, enclosures=params.attachments))
        mails = [_told(each, ctx) for each in found]
        output = self.Output(mails=mails, count=len(mails), last=max((each.uid for each in found), default=0))
        return Done(output, summary=f"{len(mails)} mail{'' if len(mails) == 1 else 's'}")


def _told(mail: Arrived, ctx: StepContext) -> dict[str, Any]:
    return {
        "number": mail.uid,
        "id": mail.id,
        "from": mail.sender,
        "to": list(mail.to),
        "subject": mail.subject,
        "date": mail.sent_at.isoformat() if mail.sent_at else "",
        "text": mail.text,
        "files": [ctx.files.save(each.name, each.content, _type(each)).model_dump() for each in mail.enclosures],
        "problems": list(mail.problems),
    }


def _type(file: Enclosure) -> str:
    """Where the mail does not tell, the name does."""
    return "" if file.type == "application/octet-stream" else file.type
