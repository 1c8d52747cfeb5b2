"""Documents that we write, read back with the libraries that everybody uses."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from docx.document import Document as DocxDocument
from openpyxl import load_workbook

from connectors.documents.reading import read_document
from connectors.documents.writing import write_document
from connectors.sdk import BadParams

MEMO = """# Memo

Dear **Anna**, this is *important*, `code` and ~~gone~~; see [our site](https://example.org/x).

1. One
2. Two
   - nested
     - deeper
3. Three

Between

3. Third
4. Fourth

> Quoted

| Clause | Verdict |
|---|---|
| 1 | fine \\| good |

```
def f():
    pass
```

---
<b>raw</b> ![a picture](http://example.org/spy.png)<br>Dear <Client Name>

<div>
block &amp; <i>tag</i>
</div>
"""


def word(markdown: str, title: str = "") -> DocxDocument:
    return Document(io.BytesIO(write_document("docx", title, markdown)))


def test_markdown_becomes_a_word_document_with_its_structure() -> None:
    document = word(MEMO, "Deviations")

    assert document.core_properties.title == "Deviations"
    assert [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs] == [
        ("Title", "Deviations"),
        ("Heading 1", "Memo"),
        ("Normal", "Dear Anna, this is important, code and gone; see our site (https://example.org/x)."),
        ("List Number", "One"),
        ("List Number", "Two"),
        ("List Bullet 2", "nested"),
        ("List Bullet 3", "deeper"),
        ("List Number", "Three"),
        ("Normal", "Between"),
        ("List Number", "Third"),
        ("List Number", "Fourth"),
        ("Quote", "Quoted"),
        ("Normal", ""),
        ("Normal", "def f():\n    pass"),
        ("Normal", "* * *"),
        ("Normal", "raw [a picture]\nDear <Client Name>"),
        ("Normal", "block & tag"),
    ]
    assert [[cell.text for cell in row.cells] for row in document.tables[0].rows] == [
        ["Clause", "Verdict"],
        ["1", "fine | good"],
    ]


def test_the_looks_of_words_are_kept() -> None:
    runs = {run.text: run for run in word(MEMO).paragraphs[1].runs}

    assert runs["Anna"].bold
    assert runs["important"].italic
    assert runs["gone"].font.strike
    assert runs["code"].font.name == "Courier New"
    assert runs["Dear "].bold is None


def test_each_numbered_list_counts_from_its_own_beginning() -> None:
    content = write_document("docx", "", MEMO)

    texts = [passage.text for passage in read_document(content, "memo.docx").passages]

    assert [text for text in texts if text[:1].isdigit()][:5] == [
        "1. One",
        "2. Two",
        "3. Three",
        "3. Third",
        "4. Fourth",
    ]


def test_a_title_that_the_text_begins_with_is_not_said_twice() -> None:
    assert [paragraph.text for paragraph in word("# Memo\n\nText", "Memo").paragraphs] == ["Memo", "Text"]
    assert write_document("md", "Memo", "# Memo\n\nText") == b"# Memo\n\nText"
    assert write_document("md", "Memo", "Text") == b"# Memo\n\nText"


@pytest.mark.parametrize(
    "markdown", ["", "   ", "#", "-", "1.", "> ", "| a |\n|---|", "```", "- \n\n  - x", "[]()", "&#0;"]
)
def test_whatever_a_model_writes_becomes_a_document(markdown: str) -> None:
    assert read_document(write_document("docx", "", markdown), "odd.docx").problems in (
        [],
        ["No text was found in it."],
    )


def test_characters_that_no_file_can_hold_are_dropped() -> None:
    content = write_document("docx", "T\0itle", "be\x01fore\ud800 after\ufffe")

    found = read_document(content, "memo.docx")

    assert (found.title, found.text) == ("Title", "Title\n\nbefore after")


def test_rows_become_a_sheet_with_every_column_that_occurs() -> None:
    rows = [{"name": "Ada", "born": 1815}, {"name": "Alan", "tags": ["a", "b"]}]

    sheet = load_workbook(io.BytesIO(write_document("xlsx", "People: 2026", rows))).worksheets[0]

    assert sheet.title == "People  2026"
    assert list(sheet.values) == [("name", "born", "tags"), ("Ada", 1815, None), ("Alan", None, '["a", "b"]')]


def test_rows_become_a_csv_file_that_excel_opens_with_the_right_letters() -> None:
    content = write_document("csv", "", [{"Stadt": "Köln", "nah": True}, {"Stadt": 'a "b", c'}])

    assert content == '\ufeffStadt,nah\r\nKöln,true\r\n"a ""b"", c",\r\n'.encode()


def test_rows_become_a_table_in_a_text() -> None:
    rows = [{"clause": "a|b", "days": 30}, {"clause": "c\nd"}]

    assert write_document("md", "", rows) == b"| clause | days |\n| --- | --- |\n| a\\|b | 30 |\n| c d |  |"
    assert read_document(write_document("docx", "", rows), "t.docx").tables == [
        [{"clause": "a|b", "days": "30"}, {"clause": "c d", "days": ""}]
    ]


def test_no_rows_make_an_empty_table() -> None:
    assert write_document("csv", "", []) == "\ufeff\r\n".encode()
    assert list(load_workbook(io.BytesIO(write_document("xlsx", "", []))).worksheets[0].values) in ([], [()])


@pytest.mark.parametrize(
    ("form", "content", "sentence"),
    [
        ("csv", "text", "CSV files are made from rows"),
        ("xlsx", ["a", "b"], "XLSX files are made from rows"),
        ("docx", {"a": 1}, "DOCX files are made from text"),
        ("pdf", "text", '"pdf" is not a form we write'),
        (
            "xlsx",
            [{"a": "x"}, {"a": "y" * 32_768}],
            'Row 2 has 32,768 characters in the column "a"; an Excel cell holds',
        ),
    ],
)
def test_content_that_does_not_fit_the_form_is_refused(form: str, content: Any, sentence: str) -> None:
    with pytest.raises(BadParams, match=sentence):
        write_document(form, "", content)
