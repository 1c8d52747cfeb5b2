from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.documents.reading import read_document
from connectors.sdk import BadParams, FileRef
from tests.workflows.steps.desk import Desk
from workflows.steps.document_write import WriteDocument, file_name


def written(desk: Desk, **params: Any) -> FileRef:
    return WriteDocument().run(WriteDocument.Params(**params), desk).output.file


def test_a_memo_in_markdown_becomes_a_word_file_of_the_run() -> None:
    desk = Desk()

    file = written(desk, format="docx", name="Memo on A/B GmbH", title="Memo", content="The term is **two years**.")

    assert file.name == "Memo on A-B GmbH.docx"
    assert file.type == "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert read_document(desk.contents[file.file], file.name).text == "Memo\n\nThe term is two years."


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_rows_become_a_table_file_without_formulas(form: str) -> None:
    desk = Desk()

    file = written(desk, format=form, name="digest", content=[{"title": "=1+1", "tone": "negative"}])

    assert file.name == f"digest.{form}"
    assert read_document(desk.contents[file.file], file.name).tables == [[{"title": "'=1+1", "tone": "negative"}]]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("memo", "memo.docx"),
        ("memo.docx", "memo.docx"),
        ("memo.DOCX", "memo.docx"),
        ("memo v1.2", "memo v1.2.docx"),
        ("../../etc/passwd", "etc-passwd.docx"),
        ("C:\\Temp\\memo", "C-Temp-memo.docx"),
        ("a\nb\0c", "a-b-c.docx"),
        ("invoice\u202efdp", "invoice-fdp.docx"),
        (".hidden", "hidden.docx"),
        ("con", "_con.docx"),
        ("LPT1.txt", "_LPT1.txt.docx"),
        ("Größe – 2026", "Größe – 2026.docx"),
        ("x" * 200, "x" * 115 + ".docx"),
    ],
)
def test_a_file_name_is_made_safe_and_gets_its_ending(wanted: str, name: str) -> None:
    assert file_name(wanted, "docx") == name


@pytest.mark.parametrize("wanted", ["/", "..", " - "])
def test_a_name_of_which_nothing_is_left_is_refused(wanted: str) -> None:
    with pytest.raises(BadParams, match="leaves no file name"):
        file_name(wanted, "docx")


def test_text_for_a_table_file_is_refused_while_it_is_built_and_while_it_runs() -> None:
    given = {"format": "csv", "name": "x", "content": "Just text"}

    assert WriteDocument.check(given) == {
        "content": "CSV files are made from rows: choose the rows of an earlier step."
    }
    assert WriteDocument.check({**given, "content": "{{ steps.table.rows }}"}) == {}
    assert WriteDocument.check({**given, "format": "md"}) == {}
    with pytest.raises(BadParams, match="CSV files are made from rows"):
        written(Desk(), **given)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValidationError):
        WriteDocument.Params(format="pdf", name="x", content="x")


def test_the_same_content_again_is_the_same_file_content() -> None:
    desk = Desk()
    params = {"format": "csv", "name": "digest", "content": [{"a": 1}]}

    assert written(desk, **params).sha256 == written(desk, **params).sha256
