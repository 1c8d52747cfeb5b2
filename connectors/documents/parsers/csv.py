"""A table as text. Every value stays text: 007 is a name as often as a number."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from connectors.documents.found import ROWS_MAX, Cell, Found, table_of
from connectors.documents.parsers.wording import text_of

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 64 * 1024
FIELD_MAX = 1024 * 1024


def read(content: bytes) -> Found:
    csv.field_size_limit(FIELD_MAX)
    text, problems = text_of(content)
    text, delimiter = _stated(text)
    filled = list(islice(_filled_rows(text, delimiter or delimiter_of(text)), ROWS_MAX + 2))
    if len(filled) > ROWS_MAX + 1:
        problems = [*problems, f"Only the first {ROWS_MAX:,} rows were read."]
    return Found(tables=[table_of("", filled[: ROWS_MAX + 1])], problems=problems)


def delimiter_of(text: str) -> str:
    """The one that cuts the first rows into the most columns of the same number."""
    return max(DELIMITERS, key=lambda delimiter: _evenness(text[:SAMPLE], delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    rows = [row for row in islice(csv.reader(io.StringIO(sample), delimiter=delimiter), 50) if row]
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0, 0
    width, count = widths.most_common(1)[0]
    return round(count / len(rows), 1), width


def _stated(text: str) -> tuple[str, str]:
    """Excel's own way to name the delimiter: a first line `sep=;`."""
    first, _, rest = text.partition("\n")
    return (rest, first[4]) if first.lower().startswith("sep=") and len(first) == 5 else (text, "")


def _filled_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[Cell]]]:
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1):
        if any(cell.strip() for cell in row):
            yield number, list(row)
