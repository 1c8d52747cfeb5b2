"""Which kind of document something is: decided by its content, then held against its name."""

from __future__ import annotations

import re

from connectors.documents.found import Refusal

READ = "We read PDF, DOCX, XLSX, CSV, HTML, EML, TXT and Markdown."

KIND_BY_EXTENSION = {
    **dict.fromkeys(("pdf",), "pdf"),
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("eml",), "eml"),
    **dict.fromkeys(("csv", "tsv"), "csv"),
    **dict.fromkeys(("txt", "text", "log", "md", "markdown"), "text"),
}

SPOKEN = {
    "pdf": "a PDF",
    "docx": "a Word document",
    "xlsx": "an Excel workbook",
    "office": "a ZIP archive",
    "html": "a web page",
    "eml": "an e-mail",
    "csv": "a table as text",
    "text": "text",
}

FOREIGN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"{\\rtf", "an RTF text"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

WEB_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.I | re.S)
MARKUP = re.compile(
    rb"<(html|head|body|title|meta|div|p|h[1-6]|table|ul|ol|span|article|section|a|br|b|i|pre)[\s/>]", re.I
)
MAIL_HEADER = re.compile(
    rb"^(from|to|subject|date|message-id|received|return-path|mime-version|content-type|delivered-to|reply-to):",
    re.I | re.M,
)


def kind_of(content: bytes, name: str) -> str:
    """pdf, docx, xlsx, html, eml, csv or text. Raises Refusal when it is none, or another one than its name says."""
    extension = re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower()) if "." in name else ""
    named = KIND_BY_EXTENSION.get(extension, "")
    if extension and not named:
        raise Refusal(f"a file named .{extension[:12]} is not a document we read. {READ}")

    held = _held(content)
    if not named:
        return _peeked(content) if held == "office" else held
    if not _fits(held, named, content):
        raise Refusal(
            f"it is named .{extension} but holds {SPOKEN[held]}. Save it as a real .{extension}, or rename it."
        )
    return named


def _held(content: bytes) -> str:
    """What the bytes are by themselves: pdf, office, html, eml or text."""
    start = content[:4096]
    if _is_pdf(start):
        return "pdf"
    if start.startswith(b"PK\x03\x04"):
        return "office"
    _refuse_foreign(content)
    plain = _without_wide_characters(start)
    if WEB_PAGE.match(plain):
        return "html"
    return "eml" if _is_mail(plain) else "text"


def _fits(held: str, named: str, content: bytes) -> bool:
    if held == named:
        return True
    if held == "office":
        return named in ("docx", "xlsx")  # told apart by their parts, once these are checked
    if held == "text" and named == "html":
        return bool(MARKUP.search(_without_wide_characters(content[:4096])))
    if held == "text" and named == "eml":
        return _is_mail(_without_wide_characters(content[:4096]), headers=1)
    # Any text may be read as text; only a whole web page or a mail must say what it is.
    return (named, held) in (("text", "text"), ("csv", "text"), ("text", "eml"))


def _is_pdf(start: bytes) -> bool:
    before, mark, _ = start[:1024].partition(b"%PDF-")
    return bool(mark) and b"<" not in before and not before.startswith(b"PK")


def _is_mail(start: bytes, headers: int = 2) -> bool:
    head = re.split(rb"\r?\n\r?\n", start.lstrip(), maxsplit=1)[0]
    first = head.partition(b"\n")[0]
    opens = first.startswith(b"From ") or re.match(rb"[!-9;-~]+:", first)
    return bool(opens) and len(MAIL_HEADER.findall(head)) >= headers


def _refuse_foreign(content: bytes) -> None:
    if content.startswith(OLE):
        if ENCRYPTED_PACKAGE in content:
            raise Refusal("it is protected with a password. Save it without one and try again.")
        raise Refusal(
            "it is in the old Office format (.doc, .xls, .ppt) or an Outlook item. Save it as DOCX, XLSX or PDF."
        )
    for mark, spoken in FOREIGN:
        if content.startswith(mark):
            raise Refusal(f"it is {spoken}, not a document we read. {READ}")


def _without_wide_characters(start: bytes) -> bytes:
    for mark in BYTE_ORDER_MARKS:
        start = start.removeprefix(mark)
    return start.replace(b"\0", b"")


def _peeked(content: bytes) -> str:
    return "xlsx" if b"xl/workbook" in content and b"word/document" not in content else "docx"
