"""Files made to do harm: each gives a named error, the parent lives, and nothing of the reader remains."""

from __future__ import annotations

import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from connectors.documents.found import Limits
from connectors.documents.reading import read_document
from connectors.sdk import BadParams, Rejected
from tests.connectors.documents import samples

SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where readers get their folder; it must be empty again after every test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def refused(content: bytes, name: str, limits: Limits | None = None) -> str:
    with pytest.raises((BadParams, Rejected)) as error:
        read_document(content, name, limits or Limits())
    return str(error.value)


def symlinked() -> bytes:
    file = BytesIO(samples.docx("x"))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("word/link.xml")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"word/media/zeros.bin": b"\0" * 20_000_000}, "packed more than 1 : 100"),
        ({"../evil.xml": b"x"}, "points outside of it"),
        ({"/etc/evil.xml": b"x"}, "points outside of it"),
        ({"word\\..\\..\\evil.xml": b"x"}, "points outside of it"),
        ({"C:evil.xml": b"x"}, "points outside of it"),
        ({"word/inner.zip": samples.docx("x")}, "holds another archive"),
        ({f"word/{number}.xml": b"" for number in range(2_000)}, r"parts \(at most 2,000 are allowed\)"),
    ],
    ids=["ratio", "parent folder", "absolute", "backslashes", "drive", "nested", "many parts"],
)
def test_an_archive_that_could_do_harm_is_refused(parts: dict[str, bytes], sentence: str) -> None:
    content = samples.repacked(samples.docx("x"), parts)

    with pytest.raises(Rejected, match=sentence):
        read_document(content, "contract.docx")


def test_a_link_in_an_archive_is_refused() -> None:
    assert "a part of its archive is a link" in refused(symlinked(), "contract.docx")


def test_parts_that_share_their_bytes_are_refused() -> None:
    content = samples.docx("x")
    first, second = content.find(b"PK\x01\x02"), content.find(b"PK\x01\x02", content.find(b"PK\x01\x02") + 4)

    # The second part's entry says that it begins where the first one does.
    overlapping = content[: second + 42] + content[first + 42 : first + 46] + content[second + 46 :]

    assert "lie over each other" in refused(overlapping, "contract.docx")


def test_the_workbook_behind_a_chart_is_named_and_not_opened() -> None:
    content = samples.repacked(samples.docx("Text"), {"word/embeddings/Sheet.xlsx": samples.xlsx({"S": [["a"]]})})

    found = read_document(content, "report.docx")

    assert (found.text, found.problems) == ("Text", ['The embedded file "Sheet.xlsx" was left out.'])


def laughs(encoding: str) -> bytes:
    entities = "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))
    declared = f'<!DOCTYPE sst [<!ENTITY a0 "lol">{entities}]>'
    return f'{declared}<sst xmlns="{SPREADSHEET}"><si><t>&a9;</t></si></sst>'.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_billion_laughs_are_refused_in_whatever_letters_they_are_written(encoding: str) -> None:
    content = samples.repacked(samples.xlsx({"S": [["a"]]}), {"xl/sharedStrings.xml": laughs(encoding)})

    assert "declares a document type" in refused(content, "prices.xlsx")


def test_a_document_type_is_refused_even_when_it_declares_nothing() -> None:
    strings = f'<!DOCTYPE sst><sst xmlns="{SPREADSHEET}"><si><t>a</t></si></sst>'.encode()
    content = samples.repacked(samples.xlsx({"S": [["a"]]}), {"xl/sharedStrings.xml": strings})

    assert "declares a document type" in refused(content, "prices.xlsx")


def test_no_file_and_no_address_is_fetched_while_parsing(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("fetched")
    address = httpserver.url_for("/")
    declared = f'<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY h SYSTEM "{address}">]>'
    body = f'<w:document xmlns:w="{samples.W}"><w:body><w:p><w:r><w:t>&f;&h;</w:t></w:r></w:p></w:body></w:document>'
    word = samples.repacked(samples.docx("x"), {"word/document.xml": f"{declared}{body}".encode()})
    page = f'<html>{declared}<img src="{address}"><link href="{address}" rel="stylesheet"><iframe src="{address}">'

    sentence = refused(word, "contract.docx")
    found = read_document(page.encode(), "page.html")

    assert "declares a document type" in sentence
    assert "root:" not in sentence + found.text
    assert httpserver.log == []


def test_a_page_that_unpacks_to_hundreds_of_megabytes_is_refused() -> None:
    content = samples.flate_bomb(unpacked_mb=100)

    assert len(content) < 10_000
    assert "none of its pages can be read" in refused(content, "bomb.pdf")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.4\n" + b"1 0 obj\n" + b"[" * 200_000, "nested.pdf"),
        (samples.pdf("x")[:-200], "cut.pdf"),
        (samples.docx("x")[:5000], "cut.docx"),
        (b"PK\x03\x04" + b"\0" * 100, "zeros.xlsx"),
        (samples.repacked(samples.docx("x"), {"word/document.xml": b"<w:document"}), "broken.docx"),
        (b"<html>" + b"<div>" * 20_000 + b"deep", "deep.html"),
        (b"x," * 600_000, "wide.csv"),
        (b'a,"' + b"x" * 2_000_000, "open.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_file_gives_an_error_that_names_it(content: bytes, name: str) -> None:
    assert refused(content, name).startswith(f'"{name}" was not read: ')


def nested_mail(depth: int) -> bytes:
    inner = "Content-Type: text/plain\n\nhi"
    for number in range(depth):
        inner = f'Content-Type: multipart/mixed; boundary="b{number}"\n\n--b{number}\n{inner}\n--b{number}--\n'
    return samples.mail(inner, "From: a@example.org", "Subject: deep")


def wide_mail(parts: int) -> bytes:
    part = "--b\nContent-Type: text/plain\n\nhi\n"
    return samples.mail(f'Content-Type: multipart/mixed; boundary="b"\n\n{part * parts}--b--', "From: a@b", "To: c@d")


def test_a_mail_of_a_thousand_parts_is_refused_nested_or_in_a_row() -> None:
    assert "nested too deeply" in refused(nested_mail(1_000), "deep.eml")
    assert "1,001 parts" in refused(wide_mail(1_000), "wide.eml")


def test_a_parser_that_does_not_come_back_is_ended_by_the_clock_on_the_wall() -> None:
    content, started = samples.slow_pdf(), time.monotonic()

    sentence = refused(content, "slow.pdf", Limits(wall_s=0.7))

    assert sentence.startswith('"slow.pdf" was not read: it takes longer than 0.7 seconds.')
    assert time.monotonic() - started < 8


def test_a_parser_that_computes_for_too_long_is_ended_by_the_kernel() -> None:
    sentence = refused(samples.slow_pdf(), "slow.pdf", Limits(cpu_s=1))

    assert sentence.startswith('"slow.pdf" was not read: it takes longer than 1 seconds.')


def test_a_document_that_needs_too_much_memory_is_refused() -> None:
    words = "".join(f"<w:p><w:r><w:t>{number * 977:0200x}</w:t></w:r></w:p>" for number in range(50_000))
    content = samples.docx_with_body(words)

    sentence = refused(content, "long.docx", Limits(memory=64 * 1024 * 1024))

    assert "memory" in sentence


def test_readers_take_turns_and_the_parent_lives() -> None:
    content, results = samples.pdf("Fine"), []
    threads = [
        threading.Thread(target=lambda: results.append(read_document(content, "fine.pdf").text)) for _ in range(6)
    ]

    [thread.start() for thread in threads]
    refused(samples.flate_bomb(unpacked_mb=100), "bomb.pdf")
    [thread.join() for thread in threads]

    assert results == ["Fine"] * 6
