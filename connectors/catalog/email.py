"""E-mail: a mailbox of the department, and letters out of it with attachments. What comes in: email_in.py."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from connectors.sdk import (
    Account,
    Action,
    Attachment,
    BadParams,
    Connector,
    Done,
    Effect,
    Field,
    FileRef,
    Leaving,
    Model,
    Shelf,
    StepContext,
    at_most_once,
    hint,
    prose,
)
from connectors.sdk.mail import Enclosure, Letter, MailServer

SECURITY = {"tls": "TLS from the first byte", "starttls": "TLS after the greeting (STARTTLS)", "none": "Not at all"}
MOST_RECEIVERS = 100
MOST_ATTACHED_BYTES = 20_000_000
LOOK_FIRST = "It may have been sent all the same: look into the mailbox before you do this step again."
CONNECTION = hint("choice", source="connections:email")


class Email(Connector):
    """A mailbox that sends over SMTP and is read over IMAP."""

    name = "email"
    title = "E-mail"
    about = "A mailbox of your department: workflows send from it and read what comes into it."
    icon = "mail"
    shelf = Shelf.MESSAGES

    class Settings(Model):
        address: str = Field(
            min_length=3,
            max_length=200,
            title="Address",
            description="From which mails go out. With a name before it: Press office <press@example.com>.",
            json_schema_extra=hint("text", example="press@example.com"),
        )
        user: str = Field(
            default="",
            max_length=200,
            title="User name",
            description="With which you sign in; often the address. Empty for a server that asks for none.",
            json_schema_extra=hint("text", example="press@example.com"),
        )
        smtp_host: str = Field(
            default="",
            max_length=200,
            title="Server for sending (SMTP)",
            description="Only where workflows send mail; on the administrator's list as smtp://mail.example.com.",
            json_schema_extra=hint("text", example="mail.example.com"),
        )
        smtp_security: Literal["tls", "starttls", "none"] = Field(
            default="starttls",
            title="How sending is secured",
            description="Not at all only for a server in your own network.",
            json_schema_extra=hint("choice", labels=SECURITY, advanced=True),
        )
        smtp_port: int = Field(
            default=587,
            ge=1,
            le=65_535,
            title="Port for sending",
            description="587 with STARTTLS, 465 with TLS.",
            json_schema_extra=hint("number", example="465", advanced=True),
        )
        imap_host: str = Field(
            default="",
            max_length=200,
            title="Server for reading (IMAP)",
            description="Only where workflows read mail; on the administrator's list as imap://mail.example.com.",
            json_schema_extra=hint("text", example="mail.example.com"),
        )
        imap_security: Literal["tls", "starttls", "none"] = Field(
            default="tls",
            title="How reading is secured",
            description="Not at all only for a server in your own network.",
            json_schema_extra=hint("choice", labels=SECURITY, advanced=True),
        )
        imap_port: int = Field(
            default=993,
            ge=1,
            le=65_535,
            title="Port for reading",
            description="993 with TLS, 143 with STARTTLS.",
            json_schema_extra=hint("number", example="143", advanced=True),
        )

    class Secrets(Model):
        password: str = Field(
            default="",
            max_length=1_000,
            title="Password",
            description="Of the mailbox, or one made for this program. Kept sealed and never shown again.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        if bool(settings.user) != bool(secrets.password):
            place, lacks = ("password", "password") if settings.user else ("user", "user name")
            problems[place] = f"Give the {lacks} too, or neither of the two."
        if settings.imap_host and not settings.user:
            problems["user"] = "Reading mail needs a user name and a password."
        if not settings.smtp_host and not settings.imap_host:
            problems["smtp_host"] = "Give the server for sending, the one for reading, or both."
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        """With how they are secured: the password is asked for again before it goes in clear to the same server."""
        smtp = f"smtp+{settings.smtp_security}://{settings.smtp_host}:{settings.smtp_port}"
        imap = f"imap+{settings.imap_security}://{settings.imap_host}:{settings.imap_port}"
        return tuple(each for each, host in ((smtp, settings.smtp_host), (imap, settings.imap_host)) if host)

    @classmethod
    def mail_servers(cls, settings: Settings, secrets: Secrets) -> Mapping[str, MailServer]:
        who = (settings.user, secrets.password)
        smtp = MailServer(settings.smtp_host, settings.smtp_port, settings.smtp_security, *who)
        imap = MailServer(settings.imap_host, settings.imap_port, settings.imap_security, *who)
        return {name: server for name, server in (("smtp", smtp), ("imap", imap)) if server.host}

    def test(self, account: Account) -> str:
        settings = account.settings
        if settings.smtp_host:
            account.mail.greet()
        if not settings.imap_host:
            return "The server for sending lets us in."
        who = "Both servers let us in." if settings.smtp_host else "The server for reading lets us in."
        return f"{who} In the mailbox: {prose.counted(len(account.mail.folders()), 'folder')}."


class SendMail(Action):
    """Send an e-mail from a mailbox of the department."""

    kind = "email.send"
    title = "Send an e-mail"
    reads_as = "Send {subject} to {to}"
    icon = "mail"
    effect = Effect.UNSAFE
    timeout_s = 120

    class Params(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Mailbox",
            description="From which it goes out. Mailboxes are connected once, under Connections.",
            json_schema_extra=CONNECTION,
        )
        to: list[str] = Field(
            min_length=1,
            max_length=MOST_RECEIVERS,
            title="To",
            description="Every receiver sees the others.",
            json_schema_extra=hint("list", example="ada@example.com", destination="whole"),
        )
        subject: str = Field(
            min_length=1,
            max_length=500,
            title="Subject",
            description="One line.",
            json_schema_extra=hint("text", example="Press mentions of {{ run.date }}"),
        )
        text: prose.Readable = Field(
            min_length=1,
            max_length=prose.LONGEST_TEXT,
            title="Text",
            description="Sent as it stands here, as plain text.",
            json_schema_extra=hint("long_text", example="{{ steps.review.text }}"),
        )
        files: list[FileRef] = Field(
            default_factory=list,
            max_length=20,
            title="Attachments",
            description="Files that earlier steps wrote, or that came with the start.",
            json_schema_extra=hint("json", example="{{ steps.document.file }}"),
        )
        cc: list[str] = Field(
            default_factory=list,
            max_length=MOST_RECEIVERS,
            title="Copy to",
            description="Seen by all as well.",
            json_schema_extra=hint("list", example="legal@example.com", advanced=True, destination="whole"),
        )
        bcc: list[str] = Field(
            default_factory=list,
            max_length=MOST_RECEIVERS,
            title="Blind copy to",
            description="Seen by nobody.",
            json_schema_extra=hint("list", example="archive@example.com", advanced=True, destination="whole"),
        )
        reply_to: str = Field(
            default="",
            max_length=200,
            title="Answers go to",
            description="When empty, to the mailbox it is sent from.",
            json_schema_extra=hint("text", example="desk@example.com", advanced=True, destination="whole"),
        )
        in_reply_to: str = Field(
            default="",
            max_length=500,
            title="Answer to",
            description="The id of a mail that was read, so that it stands in one conversation with it.",
            json_schema_extra=hint("text", example="{{ steps.mails.mails[0].id }}", advanced=True),
        )

        @field_validator("to", "cc", "bcc", mode="before")
        @classmethod
        def _one_or_many(cls, value: Any, _: ValidationInfo) -> Any:
            """A text with commas or lines between the addresses is a list as well."""
            parts = value.replace("\n", ",").replace(";", ",").split(",") if isinstance(value, str) else value
            return [part.strip() for part in parts if str(part).strip()] if isinstance(parts, list) else parts

        @field_validator("files", mode="before")
        @classmethod
        def _one_file(cls, value: Any) -> Any:
            return [value] if isinstance(value, Mapping) else [] if value in (None, "") else value

    class Output(Model):
        id: str = Field(title="Id", description="The mail's own number (Message-ID), by which answers name it.")
        sent_to: list[str] = Field(title="Sent to")
        refused: list[str] = Field(title="Refused", description="Receivers that the mail server did not take.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        account = ctx.account(params.connection)
        letter = _letter(params, account, ctx)
        with at_most_once(LOOK_FIRST):
            refused = list(account.mail.send(letter))
        sent_to = [each for each in (*letter.to, *letter.cc, *letter.bcc) if each not in refused]
        if refused:
            ctx.note(f"The mail server refused {', '.join(refused)}; the others were sent to.")
        return Done(
            self.Output(id=letter.id, sent_to=sent_to, refused=refused),
            summary=f"sent to {', '.join(sent_to)[:200]}" + (f", {len(refused)} refused" if refused else ""),
        )

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        receivers = [*params.to, *params.cc, *params.bcc]
        answer = self.Output(id=_id(ctx, ""), sent_to=receivers, refused=[])
        said = f"Would send “{params.subject}” to {', '.join(receivers)}: {params.text}"
        return Done(answer, summary=said, rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        more = {"Copy to": params.cc, "Blind copy to": params.bcc}
        headings = {"From": account.settings.address, "Subject": params.subject}
        headings |= {name: ", ".join(values) for name, values in more.items() if values}
        headings |= {"Answers go to": params.reply_to} if params.reply_to else {}
        headings |= {"Answer to": params.in_reply_to} if params.in_reply_to else {}
        attached = tuple(Attachment(each.name, each.type, each.size, each.sha256) for each in params.files)
        return Leaving(f"E-mail from “{account.title}”", tuple(params.to), headings, params.text, attached)


def _letter(params: SendMail.Params, account: Account, ctx: StepContext) -> Letter:
    """Raises BadParams for files that are too large together."""
    if sum(each.size for each in params.files) > MOST_ATTACHED_BYTES:
        problem = "The attachments have more than 20 MB together. Send fewer, or a link."
        raise BadParams(problem, fields={"files": problem})
    return Letter(
        sender=account.settings.address,
        to=params.to,
        cc=params.cc,
        bcc=params.bcc,
        subject=params.subject,
        text=params.text,
        reply_to=params.reply_to,
        id=_id(ctx, account.settings.address),
        in_reply_to=params.in_reply_to.strip("<> "),
        enclosures=[Enclosure(each.name, each.type, ctx.files.read(each)) for each in params.files],
    )


def _id(ctx: StepContext, sender: str) -> str:
    """The same for every attempt, so that a receiver who gets one twice can tell."""
    host = sender.rpartition("@")[2].strip("<> ") or "tandem.invalid"
    return f"{hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:40]}@{host}"
