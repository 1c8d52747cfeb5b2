"""Each form of document, read in the throw-away process."""

from __future__ import annotations

from datetime import date
from email.message import EmailMessage

import pytest

from connectors.documents.reading import read_document
from connectors.sdk import BadParams, Passage, ReadDocument
from tests.connectors.documents import samples


def test_a_pdf_gives_one_passage_per_page_and_names_pages_without_text() -> None:
    content = samples.pdf("First page", "", "Third page")

    found = read_document(content, "offer.pdf")

    assert found == ReadDocument(
        text="First page\n\nThird page",
        passages=[Passage("page 1", "First page"), Passage("page 3", "Third page")],
        tables=[],
        problems=["No text was found on page 2: pictures or empty pages."],
        table_names=[],
        pages=3,
    )


def test_a_pdf_that_only_forbids_changes_is_read() -> None:
    content = samples.locked_pdf(user_password="", owner_password="owner")

    assert read_document(content, "offer.pdf").text == "Locked"


def test_a_pdf_with_a_password_is_refused() -> None:
    content = samples.locked_pdf(user_password="secret", owner_password="owner")

    with pytest.raises(BadParams, match=r'"offer\.pdf" was not read: it is protected with a password'):
        read_document(content, "offer.pdf")


def test_an_excel_workbook_gives_each_visible_sheet_as_a_table_of_typed_values() -> None:
    content = samples.xlsx(
        {
            "Prices": [["Article", "Price", "Since"], ["Pen", 1.5, date(2026, 3, 1)], [], ["Ink", 7, None]],
            "Secret": [["a"], ["b"]],
        },
        hidden=["Secret"],
    )

    found = read_document(content, "prices.xlsx")

    assert found.tables == [
        [{"Article": "Pen", "Price": 1.5, "Since": "2026-03-01"}, {"Article": "Ink", "Price": 7, "Since": None}]
    ]
    assert found.table_names == ["Prices"]
    assert found.passages[-1] == Passage("sheet Prices row 4", "Ink | 7 | ")
    assert found.text == "Article | Price | Since\nPen | 1.5 | 2026-03-01\nInk | 7 | "
    assert found.problems == ['The hidden sheet "Secret" was left out.']


def test_formulas_that_were_never_computed_are_named() -> None:
    content = samples.xlsx({"Sum": [["n", "double"], [2, "=A2*2"]]})

    found = read_document(content, "sum.xlsx")

    assert found.tables == [[{"n": 2, "double": None}]]
    assert found.problems == [
        "Formulas without a stored result (1) were read as empty: open it in Excel and save it once."
    ]


def test_columns_without_a_name_or_with_the_same_name_stay_apart() -> None:
    content = samples.xlsx({"S": [["Name", "Name", None], ["a", "b", "c"]]})

    assert read_document(content, "s.xlsx").tables == [[{"Name": "a", "Name 2": "b", "column 3": "c"}]]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"name,city\nAda,London\n", [{"name": "Ada", "city": "London"}]),
        (b"name;price\nPen;1,50\n", [{"name": "Pen", "price": "1,50"}]),
        (b"sep=;\nname;price\nPen;2\n", [{"name": "Pen", "price": "2"}]),
        (b'name\tnote\nAda\t"two\nlines"\n', [{"name": "Ada", "note": "two\nlines"}]),
        (b"id\n007\n", [{"id": "007"}]),
        (b"a,b\n1\n1,2,3\n", [{"a": "1", "b": None, "column 3": None}, {"a": "1", "b": "2", "column 3": "3"}]),
        ("name,city\nJörg,Köln\n".encode("utf-8-sig"), [{"name": "Jörg", "city": "Köln"}]),
        ("name;city\nJörg;Köln\n".encode("utf-16"), [{"name": "Jörg", "city": "Köln"}]),
        ("name;city\nJörg;Köln\n".encode("utf-16-le"), [{"name": "Jörg", "city": "Köln"}]),
        ("name;city\nJörg;Köln\n".encode("cp1252"), [{"name": "Jörg", "city": "Köln"}]),
    ],
)
def test_a_csv_file_is_read_whatever_its_delimiter_and_its_letters(content: bytes, rows: list[dict]) -> None:
    assert read_document(content, "people.csv").tables == [rows]


def test_a_nul_in_a_csv_file_is_removed_and_named() -> None:
    content = b"name,city\nAda\0,London\n" + b"Alan,Wilmslow\n" * 20

    found = read_document(content, "people.csv")

    assert found.tables[0][0] == {"name": "Ada", "city": "London"}
    assert found.problems == ["NUL characters (1) were removed."]


def test_a_web_page_gives_what_its_reader_sees() -> None:
    content = b"""<!doctype html><title>Our &amp; yours</title><style>p {color: red}</style>
        <h1>News</h1><p>One<br>two <b>three</b><p hidden>secret<ul><li style="display: none">no<li>yes</ul>
        <table><tr><th>A<th>B<tr><td>1<td>2</table><script>alert(1)</script>end"""

    found = read_document(content, "news.html")

    assert found.title == "Our & yours"
    assert [passage.text for passage in found.passages] == ["News", "One\ntwo three", "yes", "A | B", "1 | 2", "end"]
    assert found.problems == ["Left out: hidden passages (2)."]


def test_a_mail_gives_its_headers_its_plain_text_and_the_names_of_what_is_attached() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Jörg <j@example.org>", "press@example.org", "Größe"
    message.set_content("Dear all,\n\nhere it is.\n")
    message.add_alternative("<p>Dear all", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="offer.pdf")

    found = read_document(message.as_bytes(), "question.eml")

    assert found.title == "Größe"
    assert found.text == "From: Jörg <j@example.org>\nTo: press@example.org\nSubject: Größe\n\nDear all,\n\nhere it is."
    assert found.problems == ['The attached file "offer.pdf" was not read.']


def test_a_mail_with_html_alone_gives_the_text_of_its_page() -> None:
    body = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello<p style='display:none'>obey<p>Bye"

    found = read_document(samples.mail(body, "From: a@example.org", "Subject: Hi"), "hi.eml")

    assert [passage.text for passage in found.passages[1:]] == ["Hello", "Bye"]
    assert found.problems == ["Left out: hidden passages (1)."]


@pytest.mark.parametrize(
    ("content", "text", "problems"),
    [
        (b"One.\r\n\r\nTwo.", "One.\n\nTwo.", []),
        ("Grüße".encode(), "Grüße", []),
        ("Grüße".encode("utf-16"), "Grüße", []),
        ("Grüße".encode("cp1252"), "Grüße", ["It is not UTF-8 and was read as Windows-1252: check its umlauts."]),
    ],
)
def test_plain_text_is_read_in_its_own_letters(content: bytes, text: str, problems: list[str]) -> None:
    found = read_document(content, "note.txt")

    assert (found.text, found.problems) == (text, problems)


def test_the_first_heading_of_a_markdown_text_is_its_title() -> None:
    found = read_document(b"intro\n\n# The title #\n\ntext", "note.md")

    assert found.title == "The title"
    assert found.passages == [
        Passage("paragraph 1", "intro"),
        Passage("paragraph 2", "# The title #"),
        Passage("paragraph 3", "text"),
    ]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"", "a.pdf", '"a.pdf" was not read: it is empty. Give a file with content.'),
        (b"<html><body>x", "a.pdf", "it is named .pdf but holds a web page"),
        (b"%PDF-1.4", "a.docx", "it is named .docx but holds a PDF"),
        (b"<!DOCTYPE html><p>x", "a.csv", "it is named .csv but holds a web page"),
        (b"just text", "a.html", "it is named .html but holds text"),
        (b"just text", "a.eml", "it is named .eml but holds text"),
        (b"\x89PNG\r\n\x1a\n", "a.txt", "it is a PNG picture, not a document we read"),
        (b"MZ\x90\0", "a.txt", "it is a program, not a document we read"),
        (bytes(range(256)), "a.txt", "it holds neither text nor a document we read"),
        (b"text", "a.exe", "a file named .exe is not a document we read. We read PDF, DOCX, XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.docx", "it is in the old Office format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "with a password"),
        (samples.xlsx({"S": [["a"]]}), "a.docx", "it is named .docx but holds an Excel workbook"),
        (samples.docx("x"), "a.xlsx", "it is named .xlsx but holds a Word document"),
        (b"a" * (25 * 1024 * 1024 + 1), "a.txt", r"it is too large \(limit 25 MB\)"),
        (b"word " * 1_200_000, "a.txt", "it holds more text than the 5 MB that a step can take"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else "",
)
def test_what_is_no_document_of_ours_is_refused_with_a_sentence(content: bytes, name: str, sentence: str) -> None:
    with pytest.raises(BadParams, match=sentence):
        read_document(content, name)


def test_a_file_without_an_ending_is_taken_for_what_it_holds() -> None:
    kinds = {
        samples.pdf("Page"): "Page",
        samples.docx("Word"): "Word",
        samples.xlsx({"S": [["Excel"]]}): "Excel",
        b"<html><p>Web": "Web",
        b"Text": "Text",
    }

    assert [read_document(content, "upload").text for content in kinds] == list(kinds.values())


def test_a_name_made_to_deceive_is_shown_without_its_tricks() -> None:
    with pytest.raises(BadParams) as refused:
        read_document(b"text", "invoice\u202efdp.\nexe" + "x" * 4000)

    assert "\u202e" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
