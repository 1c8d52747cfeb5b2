"""Slack: messages to channels, by its web API. Source: https://docs.slack.dev/apis/web-api/."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.sdk import (
    Account,
    Action,
    AuthFailed,
    Connector,
    Credentials,
    Done,
    Effect,
    Field,
    Leaving,
    Model,
    RateLimited,
    Rejected,
    Shelf,
    StepContext,
    Unavailable,
    at_most_once,
    hint,
    prose,
)
from connectors.sdk.addresses import below, origin

LONGEST_MESSAGE = 40_000
LOOK_FIRST = "It may have been posted all the same: look into the channel before you do this step again."
NOT_ACCEPTED = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"}
    | {"missing_scope", "org_login_required", "ekm_access_denied", "not_allowed_token_type"}
)
SENTENCES = {
    "channel_not_found": "There is no such channel, or the app may not see it. Invite the app into the channel.",
    "not_in_channel": "The app is not in this channel. Invite it there: /invite @app.",
    "is_archived": "The channel is archived. Choose another one.",
    "msg_too_long": "The message is too long for Slack. Shorten it.",
    "no_text": "The message is empty.",
    "restricted_action": "A rule of the workspace does not let the app post there.",
    "thread_not_found": "There is no message to answer to. Leave “Answer to” empty, or correct it.",
}


class Slack(Connector):
    """A workspace, as an app that an administrator of it has let in."""

    name = "slack"
    title = "Slack"
    about = "Post messages into the channels of your workspace, as an app that its administrator has let in."
    icon = "brand-slack"
    shelf = Shelf.MESSAGES
    reaches = ("slack.com",)

    class Settings(Model):
        address: str = Field(
            default="https://slack.com/api",
            min_length=1,
            max_length=300,
            title="Address of the API",
            description="Another one only for a workspace that is not at slack.com; it must be on the list then.",
            json_schema_extra=hint("text", example="https://slack-gov.com/api", advanced=True),
        )

    class Secrets(Model):
        token: str = Field(
            min_length=1,
            max_length=500,
            title="Token of the app",
            description="“Bot User OAuth Token” on the app's page, with the scope chat:write. It begins with xoxb-.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        if not origin(settings.address):
            problems["address"] = "Write the whole address, beginning with https:// and a host."
        if not secrets.token.startswith(("xoxb-", "xoxp-", "xoxe.")) or not secrets.token.isprintable():
            problems["token"] = "This is no token of an app: it begins with xoxb-. Copy it again from the app's page."
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (origin(settings.address),)

    @classmethod
    def credentials(cls, settings: Settings, secrets: Secrets) -> Credentials:
        return Credentials({"Authorization": f"Bearer {secrets.token}"})

    def test(self, account: Account) -> str:
        who = _asked(account, "auth.test", {})
        return f"Signed in to {who.get('team', 'the workspace')} as {who.get('user', 'the app')}."


class PostMessage(Action):
    """Post a message into a channel of Slack."""

    kind = "slack.post"
    title = "Post in Slack"
    reads_as = "Post {text} in {channel}"
    icon = "brand-slack"
    effect = Effect.UNSAFE
    timeout_s = 60

    class Params(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Workspace",
            description="Workspaces are connected once, under Connections.",
            json_schema_extra=hint("choice", source="connections:slack"),
        )
        channel: str = Field(
            min_length=1,
            max_length=100,
            title="Channel",
            description="Its name with #, or its id. The app must be in it.",
            json_schema_extra=hint("text", example="#press-desk", destination="whole"),
        )
        text: prose.Readable = Field(
            min_length=1,
            max_length=LONGEST_MESSAGE,
            title="Message",
            description="As plain text: nobody is notified by a name in it.",
            json_schema_extra=hint("long_text", example="{{ steps.review.text }}"),
        )
        answer_to: str = Field(
            default="",
            max_length=40,
            title="Answer to",
            description="The number of a message, to answer below it.",
            json_schema_extra=hint("text", example="{{ steps.post.number }}", advanced=True),
        )

    class Output(Model):
        channel: str = Field(title="Id of the channel")
        number: str = Field(title="Number of the message", description="By which a later step answers to it.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        message = {"channel": params.channel, "text": literal(params.text)}
        if params.answer_to:
            message["thread_ts"] = params.answer_to
        with at_most_once(LOOK_FIRST):
            posted = _asked(ctx.account(params.connection), "chat.postMessage", message)
        output = self.Output(channel=str(posted.get("channel", "")), number=str(posted.get("ts", "")))
        return Done(output, summary=f"posted in {params.channel}")

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        headings = {"Answer to": params.answer_to} if params.answer_to else {}
        return Leaving(f"Slack, “{account.title}”", (params.channel,), headings, params.text)


def literal(text: str) -> str:
    """As Slack wants its three signs written; else `<!channel>` in a text of others would wake everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _asked(account: Account, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of one method. Raises the error that it means."""
    response = account.http.send("POST", below(account.settings.address, method), json=body)
    if response.status == 429:
        raise RateLimited("Slack asks to come back later.", retry_after=_pause(response.headers.get("retry-after", "")))
    if response.status >= 500:
        raise Unavailable(f"Slack answered with {response.status}: it has a problem of its own.", maybe_done=True)
    answer = response.data if isinstance(response.data, dict) else {}
    if answer.get("ok") is True:
        return answer
    said = str(answer.get("error", f"status {response.status}"))
    if said in NOT_ACCEPTED or response.status in (401, 403):
        raise AuthFailed(f"Slack does not accept the app ({said}). Renew the connection.")
    if said == "ratelimited":
        raise RateLimited("Slack asks to come back later.")
    raise Rejected(f"Slack did not do it: {SENTENCES.get(said, said)}")


def _pause(seconds: str) -> timedelta | None:
    return timedelta(seconds=min(int(seconds[:6]), 86_400)) if seconds.isascii() and seconds.isdigit() else None
