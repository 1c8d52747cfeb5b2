"""What the reader found, as the steps get it: every passage with its place, and one text of them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from connectors.documents.found import Cell, Found, Table
from connectors.sdk import Passage, ReadDocument

ROW = re.compile(r"(.*?)row \d+")
PARAGRAPHS = re.compile(r"\n\s*\n")


def laid_out(found: Found) -> ReadDocument:
    passages = list(_passages(found))
    return ReadDocument(
        text=found.text or _joined(passages),
        passages=passages,
        tables=[[dict(zip(table.columns, row, strict=False)) for row in table.rows] for table in found.tables],
        title=found.title,
        problems=found.problems,
        table_names=[table.name for table in found.tables],
        pages=found.pages,
    )


def _passages(found: Found) -> Iterator[Passage]:
    if found.passages:
        yield from (Passage(place, text) for place, text in found.passages if text.strip())
    elif found.text:
        blocks = [block.strip() for block in PARAGRAPHS.split(found.text) if block.strip()]
        yield from (Passage(f"paragraph {number}", block) for number, block in enumerate(blocks, 1))
    else:
        for table in found.tables:
            yield from _rows(table)


def _rows(table: Table) -> Iterator[Passage]:
    """The header is a passage as well: without it the values mean nothing."""
    place = f"sheet {table.name} " if table.name else ""
    if table.header:
        yield Passage(f"{place}row {table.header}", " | ".join(table.columns))
    for number, row in zip(table.numbers, table.rows, strict=True):
        yield Passage(f"{place}row {number}", " | ".join(_shown(cell) for cell in row))


def _shown(cell: Cell) -> str:
    return "" if cell is None else str(cell)


def _joined(passages: list[Passage]) -> str:
    """Rows of one table follow each other; everything else has an empty line between."""
    if not passages:
        return ""
    tables = [_table_of(passage) for passage in passages]
    gaps = ["\n" if one and one == following else "\n\n" for one, following in pairwise(tables)]
    return "".join(f"{passage.text}{gap}" for passage, gap in zip(passages, [*gaps, ""], strict=True))


def _table_of(passage: Passage) -> str:
    """The part of a row's place that is the same for all rows of its table; empty for what is no row."""
    row = ROW.fullmatch(passage.place)
    return f"table {row[1]}" if row else ""
