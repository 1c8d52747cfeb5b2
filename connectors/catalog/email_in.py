"""E-mail that has come in: the step that reads it from a mailbox (email.py), with what is attached, and the trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

from connectors.sdk import Action, Done, Field, FileRef, Model, StepContext, hint
from connectors.sdk.context import Files
from connectors.sdk.mail import Arrived, Enclosure, Mail, Sought, Standing
from connectors.sdk.prose import counted
from connectors.sdk.triggers import Event, Looked, Outlook, Watch


def _mailbox() -> Any:
    return Field(
        min_length=1,
        max_length=60,
        title="Mailbox",
        description="It must be set up for reading (IMAP), under Connections.",
        json_schema_extra=hint("choice", source="connections:email"),
    )


def _folder() -> Any:
    return Field(
        default="INBOX",
        min_length=1,
        max_length=300,
        title="Folder",
        description="As the mail server calls it.",
        json_schema_extra=hint("text", example="INBOX"),
    )


def _sender() -> Any:
    return Field(
        default="",
        max_length=200,
        title="From",
        description="A part of the sender's name or address.",
        json_schema_extra=hint("text", example="@agency.example"),
    )


def _subject() -> Any:
    return Field(
        default="",
        max_length=200,
        title="Subject contains",
        description="A part of the subject.",
        json_schema_extra=hint("text", example="Mention"),
    )


def _attachments() -> Any:
    return Field(
        default=False,
        title="Keep attachments",
        description="As files, which later steps read or send on: at most 20 of a mail, with 20 MB together.",
        json_schema_extra=hint("switch"),
    )


class ReadMail(Action):
    """Read what has come into a mailbox of the department. Nothing in it changes."""

    kind = "email.read"
    title = "Read e-mails"
    reads_as = "Read the mails in {folder} of {connection}"
    icon = "mail"
    timeout_s = 300

    class Params(Model):
        connection: str = _mailbox()
        folder: str = _folder()
        which: Literal["new", "all"] = Field(
            default="new",
            title="Which mails",
            description="What was given once counts as read by this step of the workflow; a test leaves it unread.",
            json_schema_extra=hint(
                "choice",
                labels={"new": "Only those it has not read in an earlier run", "all": "All that fit, each time anew"},
            ),
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
        sender: str = _sender()
        subject: str = _subject()
        attachments: bool = _attachments()
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
        wanted = params.model_dump(exclude={"connection", "which", "attachments"})
        mailbox, sought = ctx.account(params.connection).mail, Sought(**wanted, enclosures=params.attachments)
        found = _new(mailbox, sought, params.connection, ctx) if params.which == "new" else mailbox.fetch(sought)
        mails = [_told(each, ctx.files) for each in found]
        output = self.Output(mails=mails, count=len(mails), last=max((each.uid for each in found), default=0))
        return Done(output, summary=counted(len(mails), "mail"))


def _new(mailbox: Mail, sought: Sought, connection: str, ctx: StepContext) -> Sequence[Arrived]:
    """What the mailbox cannot give at once, because mails are large, is left to the next run."""
    source = f"{connection}/{sought.folder}"
    keys = ctx.take_new(source, mailbox.keys(sought), sought.most)
    if not keys:
        return []
    found = mailbox.fetch(replace(sought, keys=keys))
    came = {str(mail.uid) for mail in found}
    ctx.give_back(source, [key for key in keys if key.rpartition("-")[2] not in came])
    return found


def _told(mail: Arrived, files: Files) -> dict[str, Any]:
    return {
        "number": mail.uid,
        "id": mail.id,
        "from": mail.sender,
        "to": list(mail.to),
        "subject": mail.subject,
        "date": mail.sent_at.isoformat() if mail.sent_at else "",
        "text": mail.text,
        "files": [files.save(each.name, each.content, _type(each)).model_dump() for each in mail.enclosures],
        "problems": list(mail.problems),
    }


def _type(file: Enclosure) -> str:
    """Where the mail does not tell, the name does."""
    return "" if file.type == "application/octet-stream" else file.type


AT_A_TIME = 10
"""Mails that one look reads, with what is attached to them."""
_ANEW = "The mail server has numbered the mails anew. What came in just before may have been passed over."


class MailArrived(Watch):
    """Starts for every mail that comes into a mailbox."""

    kind = "email.arrived"
    title = "When an e-mail comes in"
    about = (
        "For every new mail in a mailbox of the department, or those of some sender or subject. Nothing in it changes."
    )
    reads_as = "When a mail comes into {folder} of {connection}"
    icon = "mail"
    every = timedelta(minutes=1)

    class Settings(Model):
        connection: str = _mailbox()
        folder: str = _folder()
        sender: str = _sender()
        subject: str = _subject()
        attachments: bool = _attachments()

    class Gives(Model):
        number: int = Field(title="Number", description="Its number in the folder.")
        id: str = Field(title="Message-ID", description="As the sender's program gave it.")
        sender: str = Field(alias="from", title="From")
        to: list[str] = Field(title="To")
        subject: str = Field(title="Subject")
        date: str = Field(title="Date", description="What the mail says of itself; empty where it cannot be read.")
        text: str = Field(title="Text")
        files: list[FileRef] = Field(title="Files", description="What was attached, where that is kept.")
        problems: list[str] = Field(title="Problems", description="What could not be read.")

    @classmethod
    def place(cls, settings: Settings) -> str:
        return f"{settings.connection}/{settings.folder}"

    def look(self, settings: Settings, outlook: Outlook, state: Mapping[str, Any]) -> Looked:
        mailbox = outlook.account(settings.connection).mail
        now = mailbox.standing(settings.folder)
        if state.get("validity") != now.validity:
            return Looked([], _up_to(now, now.next_uid - 1), said=_ANEW if state else "")
        if now.next_uid - 1 <= state["uid"]:
            return Looked([], state)
        sought = Sought(
            settings.folder,
            sender=settings.sender,
            subject=settings.subject,
            after=state["uid"],
            most=AT_A_TIME,
            enclosures=settings.attachments,
        )
        found = mailbox.fetch(sought)
        if found:
            events = [_event(mail, now.validity, outlook.files) for mail in found]
            return Looked(events, _up_to(now, found[-1].uid), more=True)
        # Nothing fits, or what did was taken away while we read.
        keys = mailbox.keys(sought)[:AT_A_TIME]
        last = int(keys[-1].rpartition("-")[2]) if keys else now.next_uid - 1
        return Looked([], _up_to(now, last), more=bool(keys))


def _up_to(now: Standing, uid: int) -> dict[str, int]:
    return {"validity": now.validity, "uid": uid}


def _event(mail: Arrived, validity: int, files: Files) -> Event:
    return Event(f"{validity}-{mail.uid}", _told(mail, files), mail.subject or mail.sender)
