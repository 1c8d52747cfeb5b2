"""The text of a web page as its reader sees it: no scripts, no styles, nothing hidden, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

from connectors.documents.found import Found
from connectors.documents.parsers.wording import text_of

SILENT = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select", "textarea"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BLOCKS = {
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
    ),
    *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main"),
    *(
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
        "caption",
        "center",
    ),
}
CLOSES_ITSELF = {"p", "li", "dt", "dd", "tr", "td", "th", "option"}
INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)


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
    page.feed(markup)
    page.close()
    page.end_block()
    return page


class Page(HTMLParser):
    """Collects the visible text, one block per paragraph, list item, heading or table row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.title = ""
        self.hidden = 0
        self._line: list[str] = []
        self._silent: list[str] = []  # the silent element we are in, and those of its name inside
        self._in_title = False
        self._exact = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if self._silent and self._silent[0] == tag in CLOSES_ITSELF:
            self._silent.clear()
        if self._silent:
            self._silent += [tag] if tag == self._silent[0] else []
        elif tag not in VOID and (tag in SILENT or _is_invisible(dict(attrs))):
            self.hidden += tag not in SILENT
            self._silent.append(tag)
        else:
            self._in_title = self._in_title or tag == "title"
            self._exact += tag == "pre"
            self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[0]:
                self._silent.pop()
            return
        self._in_title = self._in_title and tag != "title"
        self._separate(tag)
        self._exact = max(self._exact - (tag == "pre"), 0)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title = " ".join(f"{self.title} {data}".split())[:500]
        elif not self._silent:
            self._line.append(data)

    def end_block(self) -> None:
        text = "".join(self._line)
        self._line.clear()
        block = text.strip("\n") if self._exact else _flowing(text)
        if block.strip():
            self.blocks.append(block)

    def problems(self) -> list[str]:
        named = [f"Left out: hidden passages ({self.hidden})."] if self.hidden else []
        return named if self.blocks else [*named, "No text was found in it."]

    def _separate(self, tag: str) -> None:
        if tag in BLOCKS:
            self.end_block()
        elif tag == "br":
            self._line.append("\n" if self._exact else "\v")
        elif tag in ("td", "th"):
            self._line.append(" | ")


def _flowing(text: str) -> str:
    """Spaces as a browser shows them; only `<br>`, kept as a vertical tab, breaks a line."""
    return "\n".join(" ".join(line.split()) for line in text.split("\v")).strip().strip("|").strip()


def _is_invisible(attributes: dict[str, str | None]) -> bool:
    return "hidden" in attributes or bool(INVISIBLE.search(attributes.get("style") or ""))
