"""Writing a document: Markdown becomes DOCX or MD, rows become CSV or XLSX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from connectors.documents.cells import Value, rows_of
from connectors.documents.markdown_docx import docx_of
from connectors.sdk import BadParams

CELL_MAX = 32_767
SHEET_ROWS_MAX = 1_048_575
SHEET_TITLE_MAX = 31
# What neither XML nor a database can hold, and what no reader can see.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def write_document(form: str, title: str, content: Any) -> bytes:
    """`form`: docx, md, csv or xlsx. `content`: Markdown text, or rows (list of mappings, column → value).

    Rows given for docx or md become a table. Cells of csv and xlsx never become formulas (rule S16). CSV is UTF-8 with
    a byte order mark, which Excel needs. Raises BadParams when the content does not fit the form.
    """
    title, content = writable(title), writable(content)
    if form == "docx":
        return docx_of(title, _markdown(content, form))
    if form == "md":
        return _titled(title, _markdown(content, form)).encode()
    if form == "csv":
        return _csv(*rows_of(content, form))
    if form == "xlsx":
        return _xlsx(title, *rows_of(content, form))
    raise BadParams(f'"{form}" is not a form we write: choose docx, md, csv or xlsx.', fields={"format": "Unknown."})


def writable(value: Any) -> Any:
    """The same without characters that no file can hold."""
    if isinstance(value, str):
        return UNWRITABLE.sub("", value)
    if isinstance(value, dict):
        return {writable(name): writable(one) for name, one in value.items()}
    return [writable(one) for one in value] if isinstance(value, list | tuple) else value


def _markdown(content: Any, form: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        return _as_table(content)
    raise BadParams(
        f"{form.upper()} files are made from text. Give it a text in Markdown, or rows to be shown as a table.",
        fields={"content": "Neither text nor rows."},
    )


def _as_table(rows: Sequence[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    lines: list[list[Any]] = [columns, ["---"] * len(columns), *([row.get(name) for name in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(_in_table(cell) for cell in line)} |" for line in lines)


def _in_table(cell: Any) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    return text.replace("\\", "\\\\").replace("|", "\\|") if text != "---" else text


def _titled(title: str, text: str) -> str:
    if not title or text.lstrip().startswith(f"# {title}"):
        return text
    return f"# {title}\n\n{text}"


def _csv(columns: list[str], rows: list[list[Value]]) -> bytes:
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(columns)
    lines.writerows([str(value).lower() if isinstance(value, bool) else value for value in row] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _xlsx(title: str, columns: list[str], rows: list[list[Value]]) -> bytes:
    _check_size(columns, rows)
    workbook = Workbook(write_only=True)
    workbook.properties.title = title or None
    sheet = workbook.create_sheet(_sheet_title(title))
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, column, bold=True) for column in columns])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def _cell(sheet: WriteOnlyWorksheet, value: Value, bold: bool = False) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        # Said, not guessed: openpyxl would take a text with "=" in front for a formula.
        cell.data_type = "s"
    if bold:
        cell.font = Font(bold=True)
    return cell


def _check_size(columns: list[str], rows: list[list[Value]]) -> None:
    if len(rows) > SHEET_ROWS_MAX:
        raise BadParams(f"{len(rows):,} rows do not fit into an Excel sheet (at most {SHEET_ROWS_MAX:,}). Write CSV.")
    for number, row in enumerate(rows, 1):
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, str) and len(value) > CELL_MAX:
                raise BadParams(
                    f'Row {number} has {len(value):,} characters in the column "{column}"; an Excel cell holds'
                    f" {CELL_MAX:,}. Shorten it, or write CSV."
                )


def _sheet_title(title: str) -> str:
    return re.sub(r"[\\/*?:\[\]]", " ", title).strip(" '")[:SHEET_TITLE_MAX].strip() or "Rows"
