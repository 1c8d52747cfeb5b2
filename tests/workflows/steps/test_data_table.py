from __future__ import annotations

import pytest

from connectors.sdk import BadParams
from tests.connectors.documents.samples import xlsx
from tests.workflows.steps.desk import Desk
from workflows.steps.data_table import ReadTable

BOOK = {"Cover": [], "Prices": [["Article", "Price"], ["Pen", 1.5], ["Ink", 7]], "People": [["Name"], ["Ada"]]}


def table(name: str, content: bytes, sheet: str = "") -> ReadTable.Output:
    desk = Desk()
    return ReadTable().run(ReadTable.Params(file=desk.put(name, content), sheet=sheet), desk).output


def test_a_csv_file_becomes_rows_by_column() -> None:
    assert table("people.csv", b"name;id\nAda;007\nAlan;008\n") == ReadTable.Output(
        rows=[{"name": "Ada", "id": "007"}, {"name": "Alan", "id": "008"}], columns=["name", "id"], count=2
    )


@pytest.mark.parametrize("sheet", ["", "Prices", " prices "])
def test_an_excel_file_gives_the_sheet_asked_for_or_the_first_with_rows(sheet: str) -> None:
    assert table("book.xlsx", xlsx(BOOK), sheet) == ReadTable.Output(
        rows=[{"Article": "Pen", "Price": 1.5}, {"Article": "Ink", "Price": 7}], columns=["Article", "Price"], count=2
    )


def test_a_sheet_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(BadParams, match=r'has no sheet "Costs"\. Its sheets: "Cover", "Prices", "People"') as refused:
        table("book.xlsx", xlsx(BOOK), "Costs")

    assert refused.value.fields == {"sheet": "There is no such sheet."}


def test_a_hidden_sheet_cannot_be_read() -> None:
    with pytest.raises(BadParams, match='has no sheet "People"'):
        table("book.xlsx", xlsx(BOOK, hidden=["People"]), "People")


def test_a_file_without_a_table_is_refused() -> None:
    with pytest.raises(BadParams, match=r'"note\.txt" holds no table\. Give it a CSV or XLSX file'):
        table("note.txt", b"just text")


def test_a_table_without_rows_gives_none() -> None:
    assert table("people.csv", b"name;id\n") == ReadTable.Output(rows=[], columns=[], count=0)


@pytest.mark.parametrize("rows", [10_001, 25_000])
def test_more_than_ten_thousand_rows_are_refused_by_name(rows: int) -> None:
    with pytest.raises(BadParams, match=r'"long\.csv" has more than 10,000 rows'):
        table("long.csv", b"a,b\n" + b"1,2\n" * rows)


def test_ten_thousand_rows_are_read() -> None:
    assert table("long.csv", b"a,b\n" + b"1,2\n" * 10_000).count == 10_000
