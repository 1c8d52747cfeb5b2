"""No cell that came from outside becomes a formula; numbers stay numbers (rule S16)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from connectors.documents.cells import harmless
from connectors.documents.writing import write_document

COMPUTED = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "|cmd",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tplain",
    "\rplain",
    "\nplain",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
    "\uff5ccmd",
    "﹦1+1",
    '=HYPERLINK("http://evil.example","click")',
    "=cmd|'/C calc'!A0",
    "-",
    "+49 30 123456",
    "-5 euros",
    "-1e5",
]

PLAIN = ["", "plain", "1+1", "a=b", "%", "100 %", "-5", "-5.25", "'quoted", '"=cmd|…"', "2026-01-01", "\u22125", "#N/A"]


@pytest.mark.parametrize("text", COMPUTED)
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_an_excel_file_holds_no_formula_and_numbers_as_numbers() -> None:
    rows: list[dict[str, Any]] = [{"=text": text, "number": number} for number, text in enumerate(COMPUTED + PLAIN, -3)]

    content = write_document("xlsx", "=Evil/[title]", [*rows, {"number": -2.5}, {"number": True}, {"number": 2**60}])

    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    kinds = [(cell.data_type, cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {kind for kind, _ in kinds} == {"s", "n", "b"}
    assert kinds[:2] == [("s", "'=text"), ("s", "number")]
    assert [value for kind, value in kinds if kind == "n"] == [*range(-3, len(rows) - 3), -2.5]
    assert kinds[-2:] == [("b", True), ("s", str(2**60))]


def test_a_csv_file_holds_no_formula_in_any_cell() -> None:
    content = write_document("csv", "", [{"text": text, "n": -1} for text in COMPUTED])

    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert header == ["text", "n"]
    assert rows == [[f"'{text}".replace("\0", ""), "-1"] for text in COMPUTED]
