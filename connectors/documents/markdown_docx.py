"""Markdown as a Word document: headings, paragraphs, bold, italic, lists, tables, quotes, code.

HTML tags are dropped and their words kept, pictures become their description: nothing is ever fetched.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.text.paragraph import Paragraph
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

LIST_DEPTH_MAX = 3
CODE_FONT = "Courier New"
RULE = "* * *"

# Only what is surely a tag is dropped: <Client> and <DATE> are gaps that somebody has to fill in.
TAG = re.compile(
    r"<!--.*?-->|</?(?:a|abbr|b|big|blockquote|center|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|"
    r"q|s|samp|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|wbr)(?:\s[^>]*)?/?>",
    re.I | re.S,
)
LINE_BREAK = re.compile(r"<br\s*/?>", re.I)

_markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
# Deeply indented lines of a contract are its sub-clauses, never program code.
_markdown.disable("code")


def docx_of(title: str, markdown: str) -> bytes:
    document = Document()
    document.core_properties.title = title[:255]
    document.core_properties.author = ""
    document.core_properties.comments = ""
    pages = Pages(document)
    blocks = SyntaxTreeNode(_markdown.parse(markdown)).children
    if title and not _says(blocks[:1], title):
        document.add_heading(title, 0)
    pages.write(blocks)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _says(first: Sequence[SyntaxTreeNode], title: str) -> bool:
    """The text begins with a heading that is the title already."""
    return bool(first) and first[0].type == "heading" and first[0].children[0].content.strip() == title.strip()


@dataclass(slots=True)
class Pages:
    """Writes block after block to the end of the document. `depth`: lists around; `quoted`: quotes around."""

    document: DocxDocument
    depth: int = 0
    quoted: int = 0
    lists: list[tuple[str, int | None]] = field(default_factory=list)

    def write(self, blocks: Sequence[SyntaxTreeNode]) -> None:
        for block in blocks:
            writer: Callable[[SyntaxTreeNode], None] = getattr(self, f"_{block.type}", self._paragraph)
            writer(block)

    def _heading(self, block: SyntaxTreeNode) -> None:
        _write_inline(self.document.add_heading("", int(block.tag[1])), block)

    def _html_block(self, block: SyntaxTreeNode) -> None:
        words = _words_of(block.content).strip()
        if words:
            self.document.add_paragraph(words)

    def _paragraph(self, block: SyntaxTreeNode) -> None:
        style = "Quote" if self.quoted else "List Continue" if self.depth else None
        _write_inline(self.document.add_paragraph(style=style), block)

    def _blockquote(self, block: SyntaxTreeNode) -> None:
        self.quoted += 1
        self.write(block.children)
        self.quoted -= 1

    def _fence(self, block: SyntaxTreeNode) -> None:
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.left_indent = Cm(0.75)
        run = paragraph.add_run(block.content.rstrip("\n"))
        run.font.name, run.font.size = CODE_FONT, Pt(9)

    def _hr(self, block: SyntaxTreeNode) -> None:
        self.document.add_paragraph(RULE).alignment = WD_ALIGN_PARAGRAPH.CENTER

    def _bullet_list(self, block: SyntaxTreeNode) -> None:
        self._list(block, "List Bullet", None)

    def _ordered_list(self, block: SyntaxTreeNode) -> None:
        first = int(block.attrs.get("start", 1))
        self._list(block, "List Number", _new_numbers(self.document, self._style("List Number", self.depth + 1), first))

    def _list(self, block: SyntaxTreeNode, style: str, numbers: int | None) -> None:
        self.depth += 1
        for item in block.children:
            self._item(item, self._style(style, self.depth), numbers)
        self.depth -= 1

    def _item(self, item: SyntaxTreeNode, style: str, numbers: int | None) -> None:
        first, rest = item.children[:1], item.children[1:]
        paragraph = self.document.add_paragraph(style=style)
        if numbers is not None:
            _count_with(paragraph, numbers)
        if first and first[0].type == "paragraph":
            _write_inline(paragraph, first[0])
            self.write(rest)
        else:
            self.write(item.children)

    def _style(self, style: str, depth: int) -> str:
        depth = min(depth, LIST_DEPTH_MAX)
        return style if depth == 1 else f"{style} {depth}"

    def _table(self, block: SyntaxTreeNode) -> None:
        rows = [row for part in block.children for row in part.children]
        table = self.document.add_table(rows=0, cols=len(rows[0].children), style="Table Grid")
        for row in rows:
            for cell, written in zip(row.children, table.add_row().cells, strict=False):
                _write_inline(written.paragraphs[0], cell, bold=cell.type == "th")
        _repeat_on_every_page(table.rows[0]._tr)
        self.document.add_paragraph()


def _write_inline(paragraph: Paragraph, block: SyntaxTreeNode, **looks: bool) -> None:
    for text, of in _pieces(block, looks):
        run = paragraph.add_run(text)
        run.bold, run.italic = of.get("bold"), of.get("italic")
        run.font.strike = of.get("strike")
        run.font.name = CODE_FONT if of.get("code") else None


LOOKS = {"strong": "bold", "em": "italic", "s": "strike"}


def _pieces(node: SyntaxTreeNode, looks: dict[str, bool]) -> Iterator[tuple[str, dict[str, bool]]]:
    """The text inside in order, each piece with its looks."""
    if node.type in ("text", "code_inline"):
        yield node.content, {**looks, "code": True} if node.type == "code_inline" else looks
    elif node.type == "html_inline":
        yield _words_of(node.content), looks
    elif node.type in ("softbreak", "hardbreak"):
        yield " " if node.type == "softbreak" else "\n", looks
    elif node.type == "image":
        yield f"[{node.content or 'picture'}]", looks
    else:
        inside = {**looks, LOOKS[node.type]: True} if node.type in LOOKS else looks
        for child in node.children:
            yield from _pieces(child, inside)
        yield from _address(node, looks)


def _words_of(markup: str) -> str:
    return html.unescape(TAG.sub("", LINE_BREAK.sub("\n", markup)))


def _address(node: SyntaxTreeNode, looks: dict[str, bool]) -> Iterator[tuple[str, dict[str, bool]]]:
    """A link shows where it leads, so that nobody has to trust its words."""
    address = str(node.attrs.get("href", "")) if node.type == "link" else ""
    if address and address != "".join(text for child in node.children for text, _ in _pieces(child, {})):
        yield f" ({address})", looks


def _new_numbers(document: DocxDocument, style: str, first: int) -> int:
    """A list of its own that begins to count anew: Word would carry on where the list before has ended."""
    numbering = document.part.numbering_part.element
    usual = document.styles[style].element.pPr.numPr.numId.val
    numbers = numbering.add_num(numbering.num_having_numId(usual).abstractNumId.val)
    numbers.add_lvlOverride(ilvl=0).add_startOverride(first)
    return numbers.numId


def _count_with(paragraph: Paragraph, numbers: int) -> None:
    properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
    properties.get_or_add_ilvl().val = 0
    properties.get_or_add_numId().val = numbers


def _repeat_on_every_page(row: Any) -> None:
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row.get_or_add_trPr().append(mark)
