"""Feeds: what a web site, an agency or an authority has published lately, over RSS or Atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, Literal

from connectors.sdk import Action, Done, Field, Model, StepContext, hint
from connectors.sdk.context import FeedEntry
from connectors.sdk.triggers import Event, Looked, Outlook, Watch, hashed
from connectors.sdk.web import connection_field, got

ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"


def _address() -> Any:
    return Field(
        min_length=1,
        max_length=2_000,
        title="Address",
        description="Of the RSS or Atom feed. Its host must be on the administrator's list.",
        json_schema_extra=hint("text", example="https://www.example.com/press/feed.xml", destination="address"),
    )


class ReadFeed(Action):
    """Read what a feed (RSS or Atom) has published."""

    kind = "feeds.read"
    title = "Read a feed"
    reads_as = "Read the feed {url}"
    icon = "rss"
    timeout_s = 120

    class Params(Model):
        url: str = _address()
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


AT_A_TIME = 20
REMEMBERED = 5_000
"""Entries that a feed has shown: some drop old ones and show them again."""


class FeedEntryAppeared(Watch):
    """Starts for every new entry of a feed."""

    kind = "feeds.entry"
    title = "When a feed has something new"
    about = "For every new entry of an RSS or Atom feed: of a web site, an agency or an authority."
    reads_as = "When the feed {url} has something new"
    icon = "rss"
    every = timedelta(minutes=5)

    class Settings(Model):
        url: str = _address()
        connection: str = connection_field("feed")

    class Gives(Model):
        id: str = Field(title="Id", description="Stays when the rest of the entry changes.")
        title: str = Field(title="Title")
        link: str = Field(title="Link")
        published: str = Field(title="Published", description="Empty where the feed does not tell.")
        updated: str = Field(title="Changed", description="Empty where the feed does not tell.")
        author: str = Field(title="Author")
        summary: str = Field(title="Summary", description="Without marks.")
        content: str = Field(title="Content", description="Without marks, where the feed has it.")
        feed: str = Field(title="Feed", description="What the feed calls itself.")

    @classmethod
    def place(cls, settings: Settings) -> str:
        return f"{settings.connection} {settings.url}"

    def look(self, settings: Settings, outlook: Outlook, state: Mapping[str, Any]) -> Looked:
        feed = outlook.documents.feed(got(outlook, settings.connection, settings.url, ACCEPT))
        entries = {hashed(entry.id): entry for entry in reversed(_newest_first(feed.entries))}
        seen = state.get("seen", list(entries))
        new = [key for key in entries if key not in set(seen)]
        taken = new[:AT_A_TIME]
        events = [_event(key, entries[key], feed.title) for key in taken]
        told = [key for key in entries if key in {*seen, *taken}]
        return Looked(events, {"seen": _latest(seen, told)}, more=len(new) > len(taken), said=" ".join(feed.problems))


def _latest(seen: Sequence[str], told: Sequence[str]) -> list[str]:
    """What the feed shows now comes last, and what it has not shown for the longest time is forgotten first."""
    return [*(key for key in seen if key not in set(told)), *told][-REMEMBERED:]


def _event(key: str, entry: FeedEntry, feed: str) -> Event:
    return Event(key, {**asdict(entry), "feed": feed}, entry.title or entry.link)
