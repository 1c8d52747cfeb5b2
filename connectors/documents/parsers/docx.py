"""Text of a Word document, as a reader of the accepted version sees it.

Read from the XML itself: the usual library passes over tracked insertions, content controls, text boxes, footnotes and
the numbers of clauses, all of which a contract has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from connectors.documents.found import Found, Refusal, Table, table_of
from connectors.documents.package import Package, attribute, check_form, local
from connectors.documents.parsers.numbering import Numbering, numbering_of
from connectors.documents.parsers.styles import Styles, is_on, property_of, styles_of

WRAPPERS = {"sdt", "sdtContent", "ins", "moveTo", "smartTag", "customXml", "hyperlink", "fldSimple", "bdo", "dir"}
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}

LEFT_OUT = {
    "hidden": "hidden passages",
    "deleted": "passages deleted under tracked changes",
    "comment": "comments",
    "foreign": "embedded foreign texts",
}


def read(content: bytes) -> Found:
    package = Package(content)
    check_form(package, "docx")
    document = package.part(package.main)
    body = property_of(document, "body")
    if body is None:
        raise Refusal("it is broken: it has no body. Open it in Word, save it anew and try again.", "rejected")
    story = Story(
        styles_of(package.first(package.main, "styles")), numbering_of(package.first(package.main, "numbering"))
    )
    story.tell(body)
    story.tell_notes(package)
    story.left_out["comment"] += _comments(package)
    return Found(
        passages=story.passages,
        tables=story.tables,
        title=package.title() or story.heading,
        problems=[*story.problems(), *package.problems()],
    )


@dataclass(slots=True)
class Story:
    """Goes through the document once and keeps what it finds, in order."""

    styles: Styles
    numbering: Numbering
    passages: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    heading: str = ""
    left_out: Counter[str] = field(default_factory=Counter)
    paragraphs: int = 0
    boxes: list[Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, blocks: Element) -> None:
        for block in _unwrapped(blocks):
            name = local(block.tag)
            if name == "p":
                self._tell_paragraph(block)
            elif name == "tbl":
                self._tell_table(block)
            elif name == "altChunk":
                self.left_out["foreign"] += 1
            self._tell_boxes()

    def tell_notes(self, package: Package) -> None:
        """Footnotes and endnotes in the order of their marks, then what stands at the head and foot of the pages."""
        for kind in ("footnote", "endnote"):
            self._tell_marked(kind, package.first(package.main, f"{kind}s"))
        for kind in ("header", "footer"):
            texts = dict.fromkeys(self._text_of(package.part(name)) for name in package.related(package.main, kind))
            self.passages += [(kind, text) for text in texts if text]

    def problems(self) -> list[str]:
        named = [f"Left out: {LEFT_OUT[what]} ({self.left_out[what]})." for what in LEFT_OUT if self.left_out[what]]
        if self.left_out["struck"]:
            named.append(f"Struck-through passages ({self.left_out['struck']}) are given as plain text.")
        return named if self.passages else [*named, "No text was found in it."]

    def _tell_paragraph(self, paragraph: Element) -> None:
        label, text = self._label(paragraph), self._line(paragraph)
        if not text:
            return
        if self.styles.is_hidden_paragraph(paragraph):
            self.left_out["hidden"] += 1
            return
        self.paragraphs += 1
        self.heading = self.heading or (text if self.styles.is_title(paragraph) else "")
        self.passages.append((f"paragraph {self.paragraphs}", f"{label} {text}" if label else text))

    def _tell_table(self, table: Element) -> None:
        rows = [self._cells(row) for row in _unwrapped(table) if local(row.tag) == "tr" and self._is_shown(row)]
        if not any(any(cells) for cells in rows):
            return
        name = f"table {len(self.tables) + 1}"
        self.tables.append(table_of(name, [(number, list(cells)) for number, cells in enumerate(rows, 1)]))
        self.passages += [
            (f"{name} row {number}", " | ".join(cells)) for number, cells in enumerate(rows, 1) if any(cells)
        ]

    def _tell_boxes(self) -> None:
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            self.tell(box)

    def _tell_marked(self, kind: str, notes: Element | None) -> None:
        by_id = {attribute(note, "id"): note for note in (notes if notes is not None else ())}
        marked = [mark for of, mark in self.notes if of == kind]
        for number, mark in enumerate(marked, 1):
            text = self._text_of(by_id.get(mark))
            self.passages += [(f"{kind} {number}", text)] if text else []

    def _is_shown(self, row: Element) -> bool:
        properties = property_of(row, "trPr")
        for name, what in (("del", "deleted"), ("hidden", "hidden")):
            if is_on(property_of(properties, name)):
                self.left_out[what] += 1
                return False
        return True

    def _cells(self, row: Element) -> list[str]:
        cells: list[str] = []
        for cell in _unwrapped(row):
            if local(cell.tag) == "tc":
                span = attribute(property_of(property_of(cell, "tcPr"), "gridSpan"), "val") or "1"
                cells += [self._text_of(cell), *[""] * (min(int(span), 64) - 1)]
        return cells

    def _text_of(self, blocks: Element | None) -> str:
        """Everything inside, one line per paragraph or row."""
        lines: list[str] = []
        for block in _unwrapped(blocks) if blocks is not None else ():
            if local(block.tag) == "p":
                label, text = self._label(block), self._line(block)
                lines.append(f"{label} {text}" if label and text else text)
            elif local(block.tag) == "tbl":
                lines += [" | ".join(self._cells(row)) for row in _unwrapped(block) if local(row.tag) == "tr"]
        return "\n".join(line for line in lines if line)

    def _label(self, paragraph: Element) -> str:
        number, depth = self.styles.list_of(paragraph)
        return self.numbering.label(number, depth) if number else ""

    def _line(self, paragraph: Element) -> str:
        return "".join(self._pieces(paragraph)).strip()

    def _pieces(self, parent: Element) -> Iterator[str]:
        for child in _unwrapped(parent):
            name = local(child.tag)
            if name == "r":
                yield from self._run(child)
            elif name in ("del", "moveFrom"):
                self.left_out["deleted"] += 1
            elif name in ("oMath", "oMathPara"):
                yield "".join(part.text or "" for part in child.iter() if local(part.tag) == "t")

    def _run(self, run: Element) -> Iterator[str]:
        if self.styles.is_hidden(run):
            self.left_out["hidden"] += any(local(part.tag) == "t" and part.text for part in run)
            return
        self.left_out["struck"] += self.styles.is_struck(run)
        for part in _unwrapped(run):
            name = local(part.tag)
            if name == "t":
                yield part.text or ""
            elif name in SIGNS:
                yield SIGNS[name]
            elif name in ("footnoteReference", "endnoteReference"):
                yield self._mark(name.removesuffix("Reference"), attribute(part, "id") or "")
            elif name in ("drawing", "pict", "object"):
                self.boxes += _boxes(part)

    def _mark(self, kind: str, note: str) -> str:
        self.notes.append((kind, note))
        return f"[{kind} {sum(of == kind for of, _ in self.notes)}]"


def _unwrapped(parent: Element) -> Iterator[Element]:
    """The children that matter; of alternatives for older programs only the first, which says the same."""
    for child in parent:
        name = local(child.tag)
        if name in WRAPPERS:
            yield from _unwrapped(child)
        elif name == "AlternateContent":
            yield from _unwrapped(child[0]) if len(child) else ()
        else:
            yield child


def _boxes(drawing: Element) -> Iterator[Element]:
    for child in _unwrapped(drawing):
        if local(child.tag) == "txbxContent":
            yield child
        else:
            yield from _boxes(child)


def _comments(package: Package) -> int:
    return sum(
        len(part) for name in package.related(package.main, "comments") if (part := package.part(name)) is not None
    )
