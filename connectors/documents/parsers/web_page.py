"""A page of the web: its title, its text without what stands around it on every page, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

from lxml import etree

from connectors.documents.parsers.html import CHARSET, Page, tree_of
from connectors.documents.parsers.wording import text_of

TEXT_MAX = 500_000
LINKS_MAX = 200
LINK_MAX = 2_000
WORDS_MAX = 200

NEVER = {"nav", "menu", "dialog"}
ROLES_NEVER = {"navigation", "search", "dialog", "menu", "alertdialog"}
AROUND = {"header", "footer", "aside"}
ROLES_AROUND = {"banner", "contentinfo", "complementary"}
# They may have a head, a foot and an aside of their own.
WITHIN = {"article", "main"}
LEAST_SHARE = 0.25
"""Of the letters of the whole page: with less, what was taken for the main part is not it."""
DECLARED = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)
SENT_ON = re.compile(r"url\s*=\s*[\"']?\s*([^\"'\s]{1,2000})", re.I)


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    address: str


@dataclass(slots=True)
class WebPage:
    title: str
    text: str
    links: list[Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(content: bytes, address: str = "", type: str = "", part: str = "main") -> WebPage:
    """`address` is where it lay, `type` its Content-Type, `part` “main” or “whole”."""
    declared = DECLARED.search(type) or DECLARED.search("".join(_meta(content)))
    markup, problems = text_of(content, declared[1] if declared else "")
    tree = tree_of(markup)
    title, sent_on, base = _title(tree), _sent_on(tree), urljoin(address, _base(tree))
    whole = _page(tree)
    page = whole
    if part == "main":
        tree, page = _main(tree, whole)
    text = "\n\n".join(page.blocks)
    return WebPage(
        title=title,
        text=text[:TEXT_MAX],
        links=list(_links(tree, base)),
        problems=[*problems, *_problems(page, text, sent_on)],
    )


def _meta(content: bytes) -> list[str]:
    found = CHARSET.search(content[:4_096])
    return [f"charset={found[1].decode()}"] if found else []


def _page(tree: etree._Element) -> Page:
    page = Page()
    page.walk(tree)
    return page


def _main(tree: etree._Element, whole: Page) -> tuple[etree._Element, Page]:
    """The part that is the page's own, with its text; all of it where no such part can be told."""
    for candidate in _candidates(tree):
        page = _page(candidate)
        if _letters(page) >= LEAST_SHARE * _letters(whole):
            return candidate, page
    return tree, whole


def _candidates(tree: etree._Element) -> Iterator[etree._Element]:
    """Best first. They take the page apart on their way."""
    _take_out(element for element in tree.iter(etree.Element) if _is(element, NEVER, ROLES_NEVER))
    for found in (tree.xpath("//main | //*[@role='main']"), tree.xpath("//article[not(ancestor::article)]")):
        if len(found) == 1:
            yield found[0]
    around = (element for element in tree.iter(etree.Element) if _is(element, AROUND, ROLES_AROUND))
    _take_out(element for element in around if not any(above.tag in WITHIN for above in element.iterancestors()))
    yield tree


def _is(element: etree._Element, tags: Container[str], roles: Container[str]) -> bool:
    return element.tag in tags or element.get("role", "").lower() in roles


def _take_out(elements: Iterable[etree._Element]) -> None:
    """Empty them; the text behind them belongs to the element around."""
    for element in list(elements):
        element[:] = []
        element.text = ""


def _letters(page: Page) -> int:
    return sum(map(len, page.blocks))


def _title(tree: etree._Element) -> str:
    """What the page calls itself when it is passed on, else what stands on the tab, else its first heading."""
    told = [*tree.xpath("//meta[@property='og:title']/@content"), *map(_words, tree.xpath("//head/title | //h1"))]
    return next((shown for each in told if (shown := " ".join(str(each).split())[:500])), "")


def _words(element: etree._Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _base(tree: etree._Element) -> str:
    return str(next(iter(tree.xpath("//base/@href")), ""))[:LINK_MAX]


def _links(tree: etree._Element, base: str) -> Iterator[Link]:
    """Each place once, with the words that lead there; pages only."""
    seen: set[str] = set()
    for anchor in tree.iter("a"):
        address, text = _resolved(base, anchor.get("href", "")), _words(anchor)[:WORDS_MAX]
        if text and address and address not in seen and len(seen) < LINKS_MAX:
            seen.add(address)
            yield Link(text, address)


def _resolved(base: str, written: str) -> str:
    try:
        address = urljoin(base, written.strip()).partition("#")[0]
    except ValueError:
        return ""
    return address if address.lower().startswith(("http://", "https://")) and len(address) <= LINK_MAX else ""


def _sent_on(tree: etree._Element) -> str:
    for told in tree.xpath("//meta[translate(@http-equiv,'REFSH','refsh')='refresh']/@content"):
        if found := SENT_ON.search(str(told)):
            return found[1]
    return ""


def _problems(page: Page, text: str, sent_on: str) -> Iterator[str]:
    if page.hidden:
        yield f"Left out: hidden passages ({page.hidden})."
    if sent_on:
        yield f"It sends its readers on to {sent_on}: read that address."
    if not text:
        yield "No text was found in it: a script puts it in, or there are only pictures."
    if len(text) > TEXT_MAX:
        yield f"Only the first {TEXT_MAX:,} of its {len(text):,} characters were kept."
