"""A paper as PDF: headings, facts, texts to the letter, word differences, tables.

Nothing is dropped in silence: a character without a glyph, or one that turns the reading direction, stands as a
box, and `missing` counts it by its name.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from arabic_reshaper import ArabicReshaper
from bidi import get_display
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

MARGIN = 20 * mm
EDGE = 6  # reportlab's frame keeps as much free at each side
WIDTH = A4[0] - 2 * (MARGIN + EDGE)
NAMES = 42 * mm
PADDING = 12
LONGEST = 2_500
"""Characters of one paragraph: longer ones are laid out in pieces, since laying out costs more than their length."""

BOX = "\N{WHITE SQUARE}"
HARMLESS = frozenset("\n\t\xa0\xad\u200c\u200d")
"""Not printable for Python, and yet part of what people write: breaks, hyphens, joiners."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
SPACES = re.compile("^ | (?= )|\t")
INS, DEL = "#dcf5e4", "#fde3e1"
SOFT, LINE = HexColor("#566573"), HexColor("#c3ccd4")

Laid = tuple[str, ParagraphStyle]
"""The markup of a paragraph and how it looks."""
NOTHING = "\xa0"

_reshaper = ArabicReshaper({"delete_harakat": False})


@lru_cache(maxsize=4)
def _fonts(folder: Path | None) -> tuple[str, str]:
    """Names of the plain and the bold font: DejaVu from the folder, else the Latin one that reportlab brings along."""
    found = folder is not None and (folder / "DejaVuSans.ttf").exists() and (folder / "DejaVuSans-Bold.ttf").exists()
    plain, bold = ("DejaVuSans", "DejaVuSans-Bold") if found else ("Vera", "VeraBd")
    for name in (plain, bold):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf") if found and folder else f"{name}.ttf"))
    pdfmetrics.registerFontFamily(plain, normal=plain, bold=bold, italic=plain, boldItalic=bold)
    return plain, bold


class Paper:
    """Written from top to bottom; `pdf` gives its bytes. `title` stands in the file and at the foot of each page."""

    def __init__(self, title: str, fonts: Path | None) -> None:
        self.plain, self.bold = _fonts(fonts)
        self.glyphs = pdfmetrics.getFont(self.plain).face.charToGlyph
        self.missing: Counter[str] = Counter()
        self.title = title
        self._story: list[Flowable] = []
        self._text = self._style("text", 9.5, 13.5)
        self._small = self._style("small", 8, 11, textColor=SOFT)
        self._fact = self._style("fact", 9, 12.5, leftIndent=NAMES, bulletFontName=self.plain, bulletFontSize=8)
        self._heads = [
            self._style("h1", 17, 22, fontName=self.bold, spaceAfter=8),
            self._style("h2", 12.5, 17, fontName=self.bold, spaceBefore=16, spaceAfter=5, keepWithNext=1),
            self._style("h3", 10.5, 14, fontName=self.bold, spaceBefore=12, spaceAfter=3, keepWithNext=1),
            self._style("h4", 8.5, 12, fontName=self.bold, spaceBefore=6, textColor=SOFT, keepWithNext=1),
        ]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def heading(self, text: str, level: int = 1) -> None:
        style = self._heads[level - 1]
        self._put(self._laid(" ".join(text.split()), style))

    def text(self, text: str) -> None:
        """Line by line, as it is written."""
        self._put(self._laid(text, self._text))
        self._gap(3)

    def note(self, text: str) -> None:
        self._put(self._laid(text, self._small))

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """A name and what is said of it, beside each other."""
        for name, said in pairs:
            (markup, style), *more = self._laid(said, self._fact, width=WIDTH - NAMES)
            self._story.append(Paragraph(markup, style, bulletText=self.shown(name)))
            self._put(more)
        self._gap(3)

    def redline(self, parts: Iterable[tuple[str, str]]) -> None:
        """Stretches of a text as (kind, text), kind being same, ins or del: underlined what came, struck what went."""
        for line in _lines(parts):
            if any(RIGHT_TO_LEFT.search(text) for _kind, text in line):
                self._turned(line)
            else:
                self._put(("".join(self._marked(*one) for one in piece) or NOTHING, self._text) for piece in _cut(line))
        self._gap(3)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float]) -> None:
        """Of short texts; `widths` are shares of the page's width."""
        columns = [WIDTH * share / sum(widths) for share in widths]
        cells = [[[Paragraph(f"<b>{self._safe(head)}</b>", self._small)] for head in heads]]
        cells += [[self._cell(text, width) for text, width in zip(row, columns, strict=True)] for row in rows]
        looks = [
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
        ]
        self._story.append(Table(cells, columns, repeatRows=1, hAlign="LEFT", style=TableStyle(looks)))
        self._gap(3)

    def _cell(self, text: str, width: float) -> list[Paragraph]:
        return [Paragraph(markup, style) for markup, style in self._laid(text, self._small, width - PADDING)]

    def _put(self, laid: Iterable[Laid]) -> None:
        self._story += [Paragraph(markup, style) for markup, style in laid]

    def _gap(self, points: float) -> None:
        self._story.append(Spacer(1, points))

    # ── characters ───────────────────────────────────────────────────────────────────────────────────────────────────

    def shown(self, text: str) -> str:
        """The text with a box for each character that cannot be shown."""
        if all(map(self._has, set(text))):
            return text
        return "".join(each if self._has(each) else self._box(each) for each in text)

    def missing_names(self, most: int = 40) -> list[str]:
        """“U+4E2D CJK UNIFIED IDEOGRAPH-4E2D, 3 times”, the most frequent first."""
        named = [
            (f"U+{ord(each):04X} {unicodedata.name(each, 'without a name')}", n)
            for each, n in self.missing.most_common(most)
        ]
        return [f"{name}, {count:,} times" if count > 1 else name for name, count in named]

    def _has(self, each: str) -> bool:
        """What turns the reading direction is not printable, so it stands as a box, too."""
        return each in HARMLESS or (each.isprintable() and ord(each) in self.glyphs)

    def _box(self, each: str) -> str:
        self.missing[each] += 1
        return BOX

    def _safe(self, text: str) -> str:
        """As markup of one line: escaped, with its spaces kept."""
        return SPACES.sub(lambda found: "\xa0" * (4 if found[0] == "\t" else 1), escape(self.shown(text)))

    def _marked(self, kind: str, text: str) -> str:
        safe = self._safe(text)
        if kind == "same":
            return safe
        tag, colour = ("u", INS) if kind == "ins" else ("strike", DEL)
        return f'<font backColor="{colour}"><{tag}>{safe}</{tag}></font>'

    # ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _style(self, name: str, size: float, leading: float, **looks: object) -> ParagraphStyle:
        return ParagraphStyle(name, **{"fontName": self.plain, "fontSize": size, "leading": leading, **looks})

    def _laid(self, text: str, style: ParagraphStyle, width: float = WIDTH) -> list[Laid]:
        found: list[Laid] = []
        for line in text.replace("\r\n", "\n").split("\n"):
            if RIGHT_TO_LEFT.search(line):
                found.append(self._right_to_left(line, style, width))
            else:
                found += [(self._safe(piece) or NOTHING, style) for piece in _pieces(line)]
        return found

    def _right_to_left(self, line: str, style: ParagraphStyle, width: float) -> Laid:
        """Broken into lines in the order of reading, then each turned into the order of seeing."""
        shaped = _reshaper.reshape(self.shown(line))
        seen = [escape(get_display(part)) for part in self._broken(shaped, style, width - 4)]
        begins = next((unicodedata.bidirectional(each) for each in line if each.isalpha()), "L")
        side = TA_RIGHT if begins in ("R", "AL") else TA_LEFT
        return "<br/>".join(seen), ParagraphStyle(f"{style.name}-turned", parent=style, alignment=side)

    def _broken(self, text: str, style: ParagraphStyle, width: float) -> Iterator[str]:
        held = ""
        for word in text.split(" "):
            wider = f"{held} {word}" if held else word
            if held and pdfmetrics.stringWidth(wider, style.fontName, style.fontSize) > width:
                yield held
                wider = word
            held = wider
        yield held

    def _turned(self, line: Sequence[tuple[str, str]]) -> None:
        """Marks inside a line would be torn apart when it is turned: each stretch gets a line of its own."""
        signs = {"ins": "+ ", "del": "\N{MINUS SIGN} ", "same": ""}
        for kind, text in line:
            before, after = {"ins": ("<u>", "</u>"), "del": ("<strike>", "</strike>")}.get(kind, ("", ""))
            self._put((f"{signs[kind]}{before}{each}{after}", style) for each, style in self._laid(text, self._text))

    # ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def pdf(self) -> bytes:
        file = io.BytesIO()
        pages = SimpleDocTemplate(
            file,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
            title=self.title,
            author="Tandem",
            creator="Tandem",
            allowSplitting=1,
        )
        pages.build(self._story, canvasmaker=self._canvas)
        return file.getvalue()

    def _canvas(self, *args: object, **named: object) -> Canvas:
        foot = get_display(_reshaper.reshape(self.shown(self.title)))
        return _Numbered(*args, foot=_fitting(foot, self.plain, WIDTH - 30 * mm), font=self.plain, **named)


class _Numbered(Canvas):
    """Each page says at its foot which of how many it is."""

    def __init__(self, *args: object, foot: str, font: str, **named: object) -> None:
        super().__init__(*args, **named)
        self._foot, self._foot_font = foot, font
        self._pages: list[dict[str, object]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(self._foot_font, 7.5)
            self.setFillColor(SOFT)
            self.drawString(MARGIN + EDGE, 11 * mm, self._foot)
            self.drawRightString(A4[0] - MARGIN - EDGE, 11 * mm, f"{number} / {len(self._pages)}")
            super().showPage()
        super().save()


def _fitting(text: str, font: str, width: float) -> str:
    while text and pdfmetrics.stringWidth(text, font, 7.5) > width:
        text = text[:-2] + "…"
    return text


def _pieces(line: str) -> Iterator[str]:
    """The line in pieces of at most LONGEST characters, cut at a space where there is one."""
    while len(line) > LONGEST:
        place = line.rfind(" ", LONGEST // 2, LONGEST)
        place = place + 1 if place > 0 else LONGEST
        yield line[:place]
        line = line[place:]
    yield line


def _lines(parts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Stretches line by line."""
    held: list[tuple[str, str]] = []
    for kind, text in parts:
        first, *more = text.split("\n")
        held.append((kind, first))
        for line in more:
            yield held
            held = [(kind, line)]
    yield held


def _cut(line: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """A line of stretches in pieces of about LONGEST characters."""
    held: list[tuple[str, str]] = []
    room = LONGEST
    for kind, text in line:
        for piece in _pieces(text):
            if held and len(piece) > room:
                yield held
                held, room = [], LONGEST
            held.append((kind, piece))
            room -= len(piece)
    yield held
