"""Microsoft Teams: cards into a channel or chat, by the address of an incoming webhook (a workflow of Teams).

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
"""

from __future__ import annotations

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
from connectors.sdk.addresses import origin

LARGEST_CARD = 28_000
"""Characters; Teams refuses messages over 28 KB."""
LOOK_FIRST = "It may have been posted all the same: look into the channel before you do this step again."


class Teams(Connector):
    """One channel or chat, by the address that Teams gives for it."""

    name = "teams"
    title = "Microsoft Teams"
    about = "Post cards into one channel or chat, by the address that a workflow of Teams gives for it."
    icon = "brand-teams"
    shelf = Shelf.MESSAGES

    class Secrets(Model):
        address: str = Field(
            min_length=1,
            max_length=2_000,
            title="Address of the webhook",
            description="In Teams: Workflows, “when a webhook request is received”. Its host must be on the list.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Any, secrets: Secrets) -> dict[str, str]:
        if origin(secrets.address).startswith("http"):
            return {}
        return {"address": "Write the whole address as Teams gives it, beginning with https://."}

    @classmethod
    def hosts(cls, settings: Any, secrets: Secrets) -> tuple[str, ...]:
        return (origin(secrets.address),)

    @classmethod
    def credentials(cls, settings: Any, secrets: Secrets) -> Credentials:
        return Credentials(address=secrets.address)

    def test(self, account: Account) -> str:
        _posted(account, card("Tandem", "This channel is connected now."))
        return "A card that says so was posted there."


class PostCard(Action):
    """Post a card into a channel of Microsoft Teams."""

    kind = "teams.post"
    title = "Post in Teams"
    reads_as = "Post {title} in {connection}"
    icon = "brand-teams"
    effect = Effect.UNSAFE
    timeout_s = 60

    class Params(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Channel",
            description="Channels are connected once, under Connections.",
            json_schema_extra=hint("choice", source="connections:teams"),
        )
        title: str = Field(
            min_length=1,
            max_length=200,
            title="Heading",
            description="One line, large.",
            json_schema_extra=hint("text", example="Press mentions of {{ run.date }}"),
        )
        text: prose.Readable = Field(
            min_length=1,
            max_length=LARGEST_CARD // 2,
            title="Text",
            description="Bold, lists and links in Markdown are shown so.",
            json_schema_extra=hint("long_text", example="{{ steps.review.text }}"),
        )
        link: str = Field(
            default="",
            max_length=2_000,
            title="Link",
            description="Opened by a button below the text.",
            json_schema_extra=hint("text", example="https://example.com/report", advanced=True),
        )

    class Output(Model):
        posted: bool = Field(title="Posted")

    def run(self, params: Params, ctx: StepContext) -> Done:
        with at_most_once(LOOK_FIRST):
            _posted(ctx.account(params.connection), card(params.title, params.text, params.link))
        return Done(self.Output(posted=True), summary=f"posted “{params.title}”")

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        headings = {"Heading": params.title, **({"Link": params.link} if params.link else {})}
        return Leaving("Microsoft Teams", (account.title,), headings, params.text)

    @classmethod
    def check(cls, given: Any) -> dict[str, str]:
        link = str(given.get("link") or "")
        if link and "{" not in link and not origin(link):
            return {"link": "Write the whole address, beginning with https://."}
        return {}


def card(title: str, text: str, link: str = "") -> dict[str, Any]:
    """A message with one adaptive card of version 1.4."""
    body = [
        {"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": True},
        {"type": "TextBlock", "text": text, "wrap": True},
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        **({"actions": [{"type": "Action.OpenUrl", "title": "Open", "url": link}]} if link else {}),
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attached]}


def _posted(account: Account, message: dict[str, Any]) -> None:
    """Raises the error that the answer means."""
    response = account.http.send("POST", "", json=message)
    status, said = response.status, response.body[:300].decode("utf-8", "replace")
    if status == 429 or "returned HTTP error 429" in said:
        raise RateLimited("Teams asks to come back later.")
    if status in (401, 403, 404, 410):
        raise AuthFailed(f"Teams does not know this address any more ({status}). Make a new one there and renew.")
    if status == 413 or "413" in said[:80]:
        raise Rejected("The card is too large for Teams: at most 28 KB. Shorten the text.")
    if status >= 500:
        raise Unavailable(f"Teams answered with {status}: it has a problem of its own.", maybe_done=True)
    if not 200 <= status < 300:
        raise Rejected(f"Teams answered with {status} and did not take the card.")
