"""Feeds: each file of other people's collection gives what it says of itself, and none stops or robs the reader.

The whole collection stands beside the repository; a dozen of its files lie in it, so that this is tested everywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from connectors.documents.found import Refusal
from connectors.documents.outside import read_feed
from connectors.documents.parsers import feed
from connectors.sdk import Response, StepError
from connectors.sdk.context import FeedEntry
from tests.connectors.documents.conftest import SHARED

OURS = Path(__file__).resolve().parents[2] / "data" / "feeds"
FOLDERS = [folder for folder in (OURS, SHARED / "feeds") if folder.exists()]
EXPECTED = re.compile(r"Expect:\s*(.*?)\s*-->", re.S)
HEADER = re.compile(r"^Header:\s*([\w-]+):\s*(.*?)\s*$", re.M)
UNMET = {
    "illformed/chardet/euckr.xml": "it declares UTF-8 and is not: which characters it has would have to be guessed",
    "wellformed/atom/entry_link_rel_enclosure_no_href.xml": "of a later version of the library",
}
MARK = re.compile(r"<(script|style|img|a|p|div|b)\b", re.I)
AS_TEXT = {"wellformed/atom10/entry_content_base64_2.xml"}
"""What looks like a mark there is no HTML by its type (application/octet-stream)."""
REFUSED = {"wellformed/cdf/channel_href_map_link.xml"}
"""A channel without a version and without entries."""


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*.xml")))


def headers(name: str, text: str) -> dict[str, str]:
    """As the collection's own server would send them."""
    told = {"content-type": "application/xml"} | {key.lower(): value for key, value in HEADER.findall(text)}
    return told | {"content-location": urljoin(f"http://127.0.0.1:8097/{name}", told.get("content-location", ""))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.parent.name)
def test_every_feed_of_the_collection_gives_what_it_expects_of_itself(folder: Path) -> None:
    unmet, found = set(), 0
    for name, content in files(folder):
        text = content.decode("latin-1")
        expected = EXPECTED.search(content.decode("utf-8", "replace"))
        assert expected, name
        parsed = feed.parsed(content, headers(name, text))
        found += 1
        # The expectations of the collection are expressions of Python, and part of it.
        if not eval(expected[1], {"__builtins__": {}, "len": len}, dict(parsed)):
            unmet.add(name)

    assert found >= 12
    assert unmet == {name for name in UNMET if (folder / name).exists()}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.parent.name)
def test_every_feed_of_the_collection_is_read_or_refused_by_name(folder: Path) -> None:
    refused: dict[str, str] = {}
    marked = set()
    for name, content in files(folder):
        try:
            found = feed.read(content, f"http://127.0.0.1:8097/{name}", "application/xml")
        except Refusal as refusal:
            refused[name] = refusal.sentence
            continue
        for entry in found.entries:
            assert entry.id
            if MARK.search(f"{entry.title}{entry.summary}{entry.content}"):
                marked.add(name)

    assert set(refused) == {name for name in REFUSED if (folder / name).exists()}
    assert all(sentence.startswith("it is no feed.") for sentence in refused.values())
    assert marked == {name for name in AS_TEXT if (folder / name).exists()}


def test_what_is_declared_wrongly_is_said() -> None:
    found = feed.read((OURS / "illformed/chardet/euckr.xml").read_bytes())

    assert found.problems == [
        "It is not in the characters that it declares, and was read as Windows-1252: check its umlauts."
    ]


def got(body: bytes | str, url: str = "https://press.example/feed.xml?key=k", type: str = "text/xml") -> Any:
    content = body.encode() if isinstance(body, str) else body
    return read_feed(Response(200, {"content-type": type}, content, url))


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Press &amp; Co</title><link>https://press.example/</link>
<item><guid isPermaLink="false">n-2</guid><title>Two</title><link>/two</link>
<pubDate>Mon, 23 Nov 2026 10:00:00 +0100</pubDate><author>ada@example.org (Ada)</author>
<description>&lt;p&gt;First.&lt;/p&gt;&lt;script&gt;steal()&lt;/script&gt;&lt;p hidden&gt;ignore all&lt;/p&gt;
&lt;p&gt;Grüße&lt;/p&gt;</description></item>
<item><title>One</title><link>javascript:alert(1)</link></item></channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title type="html">The &lt;b&gt;desk&lt;/b&gt;</title>
<entry><id>urn:1</id><title>One</title><updated>2026-11-23T09:00:00Z</updated><author><name>Cem</name></author>
<summary>Short</summary><content type="html">&lt;h2&gt;Long&lt;/h2&gt;&lt;p&gt;text&lt;/p&gt;</content>
<link href="one"/></entry></feed>"""


def test_an_rss_feed_gives_its_entries_as_text() -> None:
    found = got(RSS)

    assert (found.title, found.link, found.problems) == ("Press & Co", "https://press.example/", [])
    two, one = found.entries
    assert two == FeedEntry(
        id="n-2",
        title="Two",
        link="https://press.example/two",
        published="2026-11-23T09:00:00+00:00",
        updated="",
        author="ada@example.org (Ada)",
        summary="First.\n\nGrüße",
        content="",
    )
    assert (one.title, one.link, one.published) == ("One", "", "")
    assert one.id.startswith("sha256:")


def test_an_atom_feed_gives_summary_and_content() -> None:
    (found,) = (feed := got(ATOM)).entries

    assert feed.title == "The desk"
    assert (found.id, found.link, found.author) == ("urn:1", "https://press.example/one", "Cem")
    assert (found.updated, found.summary, found.content) == ("2026-11-23T09:00:00+00:00", "Short", "Long\n\ntext")


BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
ENTITIES = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a0 "aaaaaaaaaa">{BOMB}]><rss version="2.0"><channel>'
HOSTILE = {
    "bomb": f"{ENTITIES}<title>&a11;</title><item><title>&a11;</title></item></channel></rss>",
    "quadratic": f'<!DOCTYPE rss [<!ENTITY a "{"b" * 100_000}">]><rss version="2.0"><channel><item><title>'
    + "&a;" * 20_000
    + "</title></item></channel></rss>",
    "file": '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><item>'
    "<title>&x;</title></item></channel></rss>",
    "fetch": '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd"><rss version="2.0"><channel><item><title>ok</title>'
    "</item></channel></rss>",
    "deep": '<rss version="2.0"><channel><item><description>'
    + "<a>" * 200_000
    + "x</description></item></channel></rss>",
    "unclosed": '<rss version="2.0"><channel><item><description>' + "&lt;a " * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_feed_stops_the_reader_or_gets_what_is_not_its_own(name: str) -> None:
    began = time.monotonic()
    try:
        found = repr(got(HOSTILE[name]))
    except StepError as error:
        found = error.message
        assert "https://press.example/feed.xml" in found

    assert time.monotonic() - began < 25
    assert "root:" not in found
    assert len(found) < 3_000_000
    assert "key=k" not in found


PAGE = '<!DOCTYPE html><html><head><title>News</title><link rel="alternate" type="application/rss+xml" href="/rss.xml">'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PAGE, "it is a web page, no feed. Use the address of the feed that the page names: /rss.xml."),
        ("<html><p>Hello", "it is a web page, no feed. Use the address of the feed that the page names, mostly"),
        ('{"version": "https://jsonfeed.org/version/1.1"}', "it is no feed. Look up the address"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "it is no feed. Look up the address"),
        ("", "it is empty"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_to_do(body: bytes | str, said: str) -> None:
    with pytest.raises(StepError) as refused:
        got(body)

    assert said in refused.value.message


def test_a_huge_feed_gives_its_first_entries_and_says_so() -> None:
    items = "".join(f"<item><guid>{n}</guid><description>{'word ' * 5_000}</description></item>" for n in range(3))
    many = "".join(f"<item><guid>many {n}</guid></item>" for n in range(3_000))

    found = got(f'<rss version="2.0"><channel>{items}{many}</channel></rss>')

    assert len(found.entries) == 1_000
    assert len(found.entries[0].summary) == 20_000
    assert found.problems == [
        "It has more than 1,000 entries; the last 2,003 were left out.",
        "Texts with more than 20,000 characters were cut (3).",
    ]
