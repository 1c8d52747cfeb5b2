"""Make the sample agreement again from nda.md: python -m workflows.examples.nda_triage.build"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from docx import Document
from docx.document import Document as Paper
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt

FOLDER = Path(__file__).parent
SIGNED_ON = datetime(2026, 1, 12, tzinfo=UTC)


def build(text: str) -> Paper:
    """Markdown with one title, paragraphs and bold words → a Word document."""
    paper = Document()
    paper.styles["Normal"].font.name, paper.styles["Normal"].font.size = "Calibri", Pt(11)
    paper.core_properties.title, paper.core_properties.author = "Mutual Non-Disclosure Agreement", "Fernhill Legal"
    paper.core_properties.created = paper.core_properties.modified = SIGNED_ON
    for block in blocks(text):
        _add(paper, block)
    return paper


def blocks(text: str) -> list[str]:
    return [block.strip() for block in text.split("\n\n") if block.strip()]


def _add(paper: Paper, block: str) -> None:
    if block.startswith("# "):
        paper.add_heading(block.removeprefix("# "), level=0).alignment = WD_ALIGN_PARAGRAPH.CENTER
        return
    paragraph = paper.add_paragraph()
    for index, words in enumerate(re.split(r"\*\*", block)):
        paragraph.add_run(words).bold = index % 2 == 1


if __name__ == "__main__":
    build((FOLDER / "nda.md").read_text(encoding="utf-8")).save(str(FOLDER / "fernhill-nda.docx"))
