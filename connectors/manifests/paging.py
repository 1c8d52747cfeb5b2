"""How a service gives long lists in pages, recognised by what it asks for and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.manifests.manifest import Asked, Paging

CURSORS = frozenset(
    {"cursor", "pagetoken", "startcursor", "startingafter", "after", "nextpagetoken", "pagecursor", "nextcursor"}
    | {"continuationtoken", "continuation"}
)
OFFSETS = frozenset({"offset", "startat", "startposition", "skip", "start"})
PAGES = frozenset({"page", "pagenumber", "pageindex", "pageno", "pagenum"})
SIZES = frozenset({"limit", "count", "pagesize", "perpage", "maxresults", "size", "top", "rows", "pagelength"})
LINKS = (
    *("@odata.nextLink", "next_link", "nextLink", "next_url", "nextPage", "nextUri", "next", "links.next"),
    *("_links.next.href", "paging.next.link", "links.next.href", "meta.next", "pagination.next"),
)
NEXT_CURSORS = (
    *("nextPageToken", "next_page_token", "next_cursor", "nextCursor", "response_metadata.next_cursor"),
    *("paging.next.after", "pages.next.starting_after", "meta.next_cursor", "pagination.next_cursor"),
    *("pagination.cursor", "cursor.next", "cursor", "continuation_token"),
)
ITEMS = ("value", "items", "data", "results", "values", "records", "entries", "list")
DEEPEST = 3


def recognised(asked: Sequence[Asked], gives: Mapping[str, Any]) -> Paging | None:
    """None where nothing says how to go on, or the answer holds no list."""
    items = items_of(gives)
    if items is None:
        return None
    named = {_bare(each.name): each for each in asked if each.place in ("query", "body") and not each.parts}
    if cursor := next((named[name] for name in named if name in CURSORS), None):
        following = next((place for place in NEXT_CURSORS if _at(gives, place)), "")
        if following:
            return Paging(by="cursor", name=cursor.name, place=_place(cursor), next=following, items=items)
    if link := next((place for place in LINKS if (_at(gives, place) or {}).get("type") == "string"), ""):
        return Paging(by="link", next=link, items=items)
    sized = any(name in SIZES for name in named)
    if offset := next((named[name] for name in named if name in OFFSETS and sized), None):
        return Paging(by="offset", name=offset.name, place=_place(offset), items=items)
    if page := next((named[name] for name in named if name in PAGES), None):
        return Paging(by="page", name=page.name, place=_place(page), items=items, first=0 if page.least == 0 else 1)
    return None


def items_of(gives: Mapping[str, Any]) -> str | None:
    """Dotted place of the one list in the answer; nothing when the answer is the list, None when there is none."""
    if gives.get("type") == "array":
        return ""
    fields = gives.get("properties") or {}
    lists = [name for name, each in fields.items() if each.get("type") == "array"]
    if len(lists) == 1:
        return str(lists[0])
    return next((name for name in ITEMS if name in lists), None)


def _at(gives: Mapping[str, Any], place: str) -> Mapping[str, Any] | None:
    if place in (gives.get("properties") or {}):  # a name may have a dot in it: @odata.nextLink
        return gives["properties"][place]
    found: Any = gives
    for name in place.split("."):
        found = (found.get("properties") or {}).get(name)
        if found is None:
            return None
    return found


def _place(asked: Asked) -> Any:
    return "query" if asked.place == "query" else "body"


def _bare(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())
