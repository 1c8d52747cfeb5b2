"""A feed (RSS, Atom, CDF) as its entries, in plain text. Also the ill-formed ones that every reader takes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import feedparser

from connectors.documents.found import Refusal
from connectors.documents.parsers.html import page_of

ENTRIES_MAX = 1_000
TITLE_MAX = 500
TEXT_MAX = 20_000
LINK_MAX = 2_000

WEB_PAGE = re.compile(rb"<(!doctype\s+html|html)\b", re.I)
ANNOUNCED = re.compile(rb"<link\b[^>]{0,500}\btype=[\"']application/(?:rss|atom)\+xml[\"'][^>]{0,500}>", re.I)
HREF = re.compile(rb"\bhref=[\"']([^\"'\s]{1,500})[\"']", re.I)


@dataclass(frozen=True, slots=True)
class Entry:
    """Dates are ISO 8601 in UTC, empty where none can be read; `id` is what stays the same while the entry changes."""

    id: str
    title: str
    link: str
    published: str
    updated: str
    author: str
    summary: str
    content: str


@dataclass(frozen=True, slots=True)
class Feed:
    title: str
    link: str
    entries: list[Entry]
    problems: list[str]


def read(content: bytes, address: str = "", type: str = "") -> Feed:
    """`address` is where it lay, `type` its Content-Type. Raises Refusal for what is no feed."""
    found = parsed(content, {"content-location": address, "content-type": type})
    if not found.version and not found.entries:
        raise Refusal(_not_a_feed(content))
    entries = [_entry(each) for each in found.entries[:ENTRIES_MAX]]
    return Feed(
        title=_line(found.feed, "title"),
        link=_link(found.feed),
        entries=entries,
        problems=list(_problems(found, entries)),
    )


def parsed(content: bytes, headers: Mapping[str, str]) -> Any:
    """Never a text: the library would take it for an address, and fetch."""
    told = {name: value for name, value in headers.items() if value}
    return feedparser.parse(io.BytesIO(content), response_headers=told)


def _entry(found: Any) -> Entry:
    title, link = _line(found, "title"), _link(found)
    published, summary = _when(found, "published") or _when(found, "created"), _text(found, "summary")
    content = "\n\n".join(filter(None, map(_shown, found.get("content", []))))[:TEXT_MAX]
    return Entry(
        id=_id(found, link, f"{title}\n{published}\n{summary or content}"),
        title=title,
        link=link,
        published=published,
        updated=_when(found, "updated"),
        author=" ".join(str(found.get("author", "")).split())[:TITLE_MAX],
        summary=summary,
        content=content,
    )


def _id(found: Any, link: str, said: str) -> str:
    """The entry's own, else its link, else what it says."""
    own = str(found.get("id", "")).strip()
    return own[:LINK_MAX] or link or f"sha256:{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()}"


def _link(found: Any) -> str:
    """Only what a browser opens as a page."""
    link = str(found.get("link", "")).strip()
    return link if link.lower().startswith(("http://", "https://")) and len(link) <= LINK_MAX else ""


def _line(found: Any, name: str) -> str:
    return " ".join(_text(found, name).split())[:TITLE_MAX]


def _text(found: Any, name: str) -> str:
    return _shown(found.get(f"{name}_detail") or {})[:TEXT_MAX]


def _shown(detail: Any) -> str:
    """The text of a value as a reader sees it: HTML without its marks."""
    value, kind = str(detail.get("value", "") or ""), str(detail.get("type", "") or "")
    return "\n\n".join(page_of(value).blocks) if kind.endswith(("html", "xml")) else value.strip()


def _when(found: Any, name: str) -> str:
    """Asks first whether the date is there: the library gives one for the other, with a warning."""
    if f"{name}_parsed" not in found:
        return ""
    told = found[f"{name}_parsed"]
    try:
        return datetime(*told[:6]).replace(tzinfo=UTC).isoformat() if told else ""
    except (ValueError, OverflowError):
        return ""


def _problems(found: Any, entries: list[Entry]) -> Iterator[str]:
    left_out = len(found.entries) - len(entries)
    if left_out:
        yield f"It has more than {ENTRIES_MAX:,} entries; the last {left_out:,} were left out."
    cut = sum(TEXT_MAX in (len(entry.summary), len(entry.content)) for entry in entries)
    if cut:
        yield f"Texts with more than {TEXT_MAX:,} characters were cut ({cut})."
    why = found.get("bozo_exception")
    if isinstance(why, feedparser.CharacterEncodingOverride) and found.encoding == "windows-1252":
        yield "It is not in the characters that it declares, and was read as Windows-1252: check its umlauts."
    elif found.bozo and not isinstance(why, feedparser.NonXMLContentType | feedparser.CharacterEncodingOverride):
        yield "It is not well-formed, and was read as far as it can be understood."


def _not_a_feed(content: bytes) -> str:
    start = content[:200_000]
    if not WEB_PAGE.search(start[:4_096]):
        return "it is no feed. Look up the address of the RSS or Atom feed, mostly under “RSS” on the web site."
    announced = next((HREF.search(each) for each in ANNOUNCED.findall(start)), None)
    named = f": {announced[1].decode('ascii', 'replace')}" if announced else ", mostly under “RSS”"
    return f"it is a web page, no feed. Use the address of the feed that the page names{named}."
