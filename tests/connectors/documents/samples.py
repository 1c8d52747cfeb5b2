"""Small documents made by the tests themselves, sound and hostile ones."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from functools import cache

from docx import Document
from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(*pages: str, filters: bytes = b"/FlateDecode", streams: Sequence[bytes] = ()) -> bytes:
    """A PDF with one line of text per page, or with these already packed content streams."""
    packed = streams or [zlib.compress(f"BT /F1 12 Tf 10 10 Td ({page}) Tj ET".encode()) for page in pages]
    numbers = range(len(packed))
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in numbers)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(packed)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, stream in zip(numbers, packed, strict=True):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % (5 + 2 * number)
        )
        objects.append(b"<</Length %d/Filter %s>>stream\n%s\nendstream" % (len(stream), filters, stream))
    return _with_index(objects)


def _with_index(objects: Sequence[bytes]) -> bytes:
    written, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    index = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, rows)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(written))
    return written + index + end


def locked_pdf(user_password: str, owner_password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Locked"))))
    writer.encrypt(user_password, owner_password, algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@cache
def slow_pdf() -> bytes:
    """A hundred kilobytes that keep a parser busy for many seconds: two million moves of the pen."""
    return pdf(streams=[zlib.compress(b"BT /F1 12 Tf " + b"1 0 0 1 0 0 Tm (a) Tj " * 2_000_000 + b"ET")])


@cache
def flate_bomb(unpacked_mb: int) -> bytes:
    """Zeros packed twice: some kilobytes that unpack to `unpacked_mb` megabytes."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b"\0" * 1024 * 1024) for _ in range(unpacked_mb)) + packer.flush()
    return pdf(streams=[zlib.compress(once, 9)], filters=b"[/FlateDecode/FlateDecode]")


def docx(*paragraphs: str) -> bytes:
    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def docx_with_body(body: str, **parts: str) -> bytes:
    """A Word document whose body is written as XML; `parts` replace `styles`, `numbering`, … in the usual one."""
    document = f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
    replaced = {f"word/{name}.xml": text.encode() for name, text in parts.items()}
    return repacked(docx(), {"word/document.xml": document.encode(), **replaced})


def xlsx(sheets: dict[str, list[list[object]]], hidden: Sequence[str] = ()) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def repacked(archive: bytes, changes: dict[str, bytes]) -> bytes:
    """The same archive with some parts replaced or added."""
    source, file = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    parts = {name: source.read(name) for name in source.namelist()} | changes
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return file.getvalue()


def mail(body: str, *headers: str) -> bytes:
    return "\r\n".join([*headers, "MIME-Version: 1.0", body]).encode()
