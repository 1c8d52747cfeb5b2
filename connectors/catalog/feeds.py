"""Feeds: what a web site, an agency or an authority has published lately, over RSS or Atom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from connectors.sdk import Action, Done, Field, Model, StepContext, hint
from connectors.sdk.context import FeedEntry
from connectors.sdk.web import connection_field, got

ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"


class ReadFeed(Action):
    """Read what a feed (RSS or Atom) has published."""

    kind = "feeds.read"
    title = "Read a feed"
    reads_as = "Read the feed {url}"
    icon = "rss"
    timeout_s = 120

    class Params(Model):
        url: str = Field(
            min_length=1,
            max_length=2_000,
            title="Address",
            description="Of the RSS or Atom feed. Its host must be on the administrator's list.",
            json_schema_extra=hint("text", example="https://www.example.com/press/feed.xml", destination="address"),
        )
        which: Literal["new", "latest"] = Field(
            default="new",
            title="Which entries",
            description="What was given once counts as read by this step of the workflow; a test leaves it unread.",
            json_schema_extra=hint(
                "choice",
                labels={"new": "Only those it has not read in an earlier run", "latest": "The latest, each time anew"},
            ),
        )
        since: date | None = Field(
            default=None,
            title="Since",
            description="The day from which on. Entries without a date are given all the same.",
            json_schema_extra=hint("date", example="{{ run.date }}"),
        )
        most: int = Field(
            default=20,
            ge=1,
            le=100,
            title="At most",
            description="Of more new ones, the older are given now and the rest in the next run.",
            json_schema_extra=hint("number", example="50"),
        )
        connection: str = connection_field("feed")

    class Output(Model):
        title: str = Field(title="Title", description="What the feed calls itself.")
        link: str = Field(title="Link", description="The web site that it belongs to.")
        entries: list[FeedEntry] = Field(title="Entries", description="The newest first, their texts without marks.")
        count: int = Field(title="How many")
        problems: list[str] = Field(title="Problems", description="What was left out, and what looked wrong.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        feed = ctx.documents.feed(got(ctx, params.connection, params.url, ACCEPT))
        for problem in feed.problems:
            ctx.note(f"{params.url}: {problem}")
        entries = _chosen(_since(_newest_first(feed.entries), params.since), params, ctx)
        output = self.Output(
            title=feed.title, link=feed.link, entries=entries, count=len(entries), problems=list(feed.problems)
        )
        said = "entry" if len(entries) == 1 else "entries"
        return Done(output, summary=f"{len(entries)} {'new ' if params.which == 'new' else ''}{said}")


def _chosen(entries: Sequence[FeedEntry], params: ReadFeed.Params, ctx: StepContext) -> list[FeedEntry]:
    """Of the new ones the oldest, so that none is passed over when more come than are read at once."""
    if params.which == "latest":
        return list(entries[: params.most])
    taken = set(ctx.take_new(params.url, [entry.id for entry in reversed(entries)], params.most))
    return [entry for entry in entries if entry.id in taken]


def _newest_first(entries: Sequence[FeedEntry]) -> Sequence[FeedEntry]:
    """As the feed has them, unless every entry tells its date. The same id twice is the same entry."""
    once = list({entry.id: entry for entry in reversed(entries)}.values())[::-1]
    return sorted(once, key=_day, reverse=True) if all(map(_day, once)) else once


def _since(entries: Sequence[FeedEntry], day: date | None) -> Sequence[FeedEntry]:
    return [entry for entry in entries if day is None or not _day(entry) or _day(entry) >= day.isoformat()]


def _day(entry: FeedEntry) -> str:
    return entry.published or entry.updated
