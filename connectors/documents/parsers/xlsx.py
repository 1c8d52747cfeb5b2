"""Each visible sheet of an Excel workbook as one table; values as they were last computed, formulas never."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from openpyxl import load_workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from connectors.documents.found import ROWS_MAX, Cell, Found, Table, table_of
from connectors.documents.package import Package, check_form

# A sheet cannot have more; a file that claims so would keep us counting empty rows.
SHEET_ROWS_MAX = 1_048_576
LARGEST_INT = 2**63 - 1

UNCOMPUTED = re.compile(rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>")


def read(content: bytes) -> Found:
    package = Package(content)
    check_form(package, "xlsx")
    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    shown = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    hidden = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state != "visible"]
    read_sheets = [_read_sheet(sheet) for sheet in shown]
    return Found(
        tables=[table for table, _ in read_sheets],
        title=package.title(),
        problems=[
            *(problem for _, problem in read_sheets if problem),
            *(f'The hidden sheet "{title}" was left out.' for title in hidden),
            *_left_out(package),
            *package.problems(),
        ],
    )


def _read_sheet(sheet: ReadOnlyWorksheet) -> tuple[Table, str]:
    # The stated size of a sheet is a claim of whoever wrote it.
    sheet.reset_dimensions()
    filled = list(islice(_filled_rows(sheet), ROWS_MAX + 2))
    kept = filled[: ROWS_MAX + 1]
    cut = f'Only the first {ROWS_MAX:,} rows of the sheet "{sheet.title}" were read.'
    return table_of(sheet.title, kept), cut if len(filled) > len(kept) else ""


def _filled_rows(sheet: ReadOnlyWorksheet) -> Iterator[tuple[int, list[Cell]]]:
    for number, values in enumerate(islice(sheet.iter_rows(values_only=True), SHEET_ROWS_MAX), 1):
        row = [_cell(value) for value in values]
        if any(value not in (None, "") for value in row):
            yield number, row


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INT else str(value)
    return value if value is None or isinstance(value, str) else str(value)


def _left_out(package: Package) -> Iterator[str]:
    sheets = (package.raw(name) for name in package.names if "/worksheets/sheet" in name)
    uncomputed = sum(len(UNCOMPUTED.findall(sheet)) for sheet in sheets)
    if uncomputed:
        yield f"Formulas without a stored result ({uncomputed}) were read as empty: open it in Excel and save it once."
    if any("comment" in name.lower() for name in package.names):
        yield "Left out: comments."
