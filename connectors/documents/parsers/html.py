"""The text of a web page as its reader sees it: no scripts, no styles, nothing hidden, nothing fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from connectors.documents.found import Found
from connectors.documents.parsers.wording import text_of

SILENT = {"head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select", "textarea"}
SECTIONS = {"address", "article", "aside", "body", "details", "div", "footer", "header", "html", "main", "nav"}
LISTS = {"dd", "dl", "dt", "li", "ol", "ul", "table", "caption", "tbody", "tfoot", "thead", "tr"}
PARAGRAPHS = {"blockquote", "center", "fieldset", "figcaption", "figure", "form", "hr", "legend", "p", "pre"}
BLOCKS = SECTIONS | LISTS | PARAGRAPHS | {"section", "summary", "h1", "h2", "h3", "h4", "h5", "h6"}
INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
LINE_BREAK = "\v"


def read(content: bytes) -> Found:
    declared = CHARSET.search(content[:2048])
    text, problems = text_of(content, declared[1].decode() if declared else "")
    page = page_of(text)
    return Found(
        passages=[(f"paragraph {number}", block) for number, block in enumerate(page.blocks, 1)],
        title=page.title,
        problems=[*problems, *page.problems()],
    )


def page_of(markup: str) -> Page:
    page = Page()
    page.walk(tree_of(markup))
    return page


def tree_of(markup: str) -> etree._Element:
    # HUGE lifts the limit of 256 nested elements, below which text would be lost without a word.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    tree = etree.fromstring(markup.encode("utf-8", "ignore"), parser) if markup.strip() else None
    if any("depth" in entry.message for entry in parser.error_log):
        raise RecursionError
    return tree if tree is not None else etree.Element("html")


@dataclass(slots=True)
class Page:
    """`blocks`: one per paragraph, heading, list item or table row."""

    blocks: list[str] = field(default_factory=list)
    title: str = ""
    hidden: int = 0
    _line: list[str] = field(default_factory=list)
    _exact: int = 0

    def walk(self, tree: etree._Element) -> None:
        title = tree.find(".//head/title")
        self.title = " ".join("".join(title.itertext()).split())[:500] if title is not None else ""
        walker = etree.iterwalk(tree, events=("start", "end"))
        for event, element in walker:
            if event == "start" and self._is_silent(element):
                walker.skip_subtree()
            elif event == "start":
                self._begin(element)
            else:
                self._end(element)
        self._end_block()

    def problems(self) -> list[str]:
        named = [f"Left out: hidden passages ({self.hidden})."] if self.hidden else []
        return named if self.blocks else [*named, "No text was found in it."]

    def _is_silent(self, element: etree._Element) -> bool:
        invisible = "hidden" in element.attrib or bool(INVISIBLE.search(element.get("style", "")))
        self.hidden += invisible and element.tag not in SILENT
        return invisible or element.tag in SILENT

    def _begin(self, element: etree._Element) -> None:
        self._separate(element.tag)
        self._exact += element.tag == "pre"
        self._line.append(element.text or "")

    def _end(self, element: etree._Element) -> None:
        """Also told of what was passed over; the text behind it belongs to the element around."""
        if element.tag in BLOCKS:
            self._end_block()
        self._exact -= element.tag == "pre" and self._exact > 0
        self._line.append(element.tail or "")

    def _separate(self, tag: str) -> None:
        if tag in BLOCKS:
            self._end_block()
        elif tag == "br":
            self._line.append("\n" if self._exact else LINE_BREAK)
        elif tag in ("td", "th"):
            self._line.append(" | ")

    def _end_block(self) -> None:
        text = "".join(self._line)
        self._line.clear()
        block = text.strip("\n") if self._exact else _flowing(text)
        if block.strip():
            self.blocks.append(block)


def _flowing(text: str) -> str:
    """Spaces as a browser shows them; only `<br>` breaks a line."""
    return "\n".join(" ".join(line.split()) for line in text.split(LINE_BREAK)).strip().strip("|").strip()
