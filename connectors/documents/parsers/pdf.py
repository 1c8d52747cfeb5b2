"""Text of a PDF, page by page. Pictures of text are not read; the pages without text are named."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from connectors.documents.found import Found, Refusal

REMARKS = {"/Text", "/FreeText", "/Highlight", "/Underline", "/StrikeOut", "/Squiggly", "/Stamp", "/Popup"}
NAMED_MAX = 20


def read(content: bytes) -> Found:
    reader = PdfReader(io.BytesIO(content))
    _unlock(reader)
    texts, unreadable = _texts(reader)
    return Found(
        passages=[*((f"page {number}", text) for number, text in enumerate(texts, 1) if text), *_form_fields(reader)],
        title=_title(reader),
        pages=len(texts),
        problems=[*_problems(texts, unreadable), *_left_out(reader)],
    )


def _unlock(reader: PdfReader) -> None:
    """Opens what any viewer opens without asking: a file whose password only forbids changes."""
    if not reader.is_encrypted:
        return
    with contextlib.suppress(DependencyError, FileNotDecryptedError, NotImplementedError):
        if reader.decrypt(""):
            return
    raise Refusal("it is protected with a password. Save it without one and try again.")


def _texts(reader: PdfReader) -> tuple[list[str], list[int]]:
    """One text per page, and the numbers of the pages whose content is broken."""
    texts: list[str] = []
    unreadable: list[int] = []
    for number, page in enumerate(reader.pages, 1):
        try:
            texts.append(page.extract_text().strip())
        except (MemoryError, RecursionError):
            raise
        except Exception:  # pypdf raises whatever a broken page makes it trip over
            texts.append("")
            unreadable.append(number)
    if texts and len(unreadable) == len(texts):
        raise Refusal("none of its pages can be read: it is broken. Print it into a new PDF and try again.", "rejected")
    return texts, unreadable


def _form_fields(reader: PdfReader) -> list[tuple[str, str]]:
    """What people have filled in: it is on the page, but not in the page's text."""
    with contextlib.suppress(Exception):  # a broken form does not make the pages unreadable
        fields = reader.get_form_text_fields(full_qualified_name=True)
        filled = {name: str(value or "").strip() for name, value in fields.items()}
        return [(f"form field {name}", value) for name, value in filled.items() if value]
    return []


def _title(reader: PdfReader) -> str:
    with contextlib.suppress(Exception):  # as above
        return str((reader.metadata and reader.metadata.title) or "").strip()
    return ""


def _problems(texts: list[str], unreadable: list[int]) -> Iterator[str]:
    empty = [number for number, text in enumerate(texts, 1) if not text and number not in unreadable]
    if not texts:
        yield "It has no pages."
    elif len(empty) == len(texts):
        yield "No text was found on any page: it looks like a scan. Run text recognition (OCR) on it first."
    elif empty:
        yield f"No text was found on {_named(empty)}: pictures or empty pages."
    if unreadable:
        yield f"The content of {_named(unreadable)} is broken and was left out."


def _left_out(reader: PdfReader) -> Iterator[str]:
    remarks, attached = 0, []
    with contextlib.suppress(Exception):  # as above
        remarks = sum(_is_remark(remark.get_object()) for page in reader.pages for remark in page.get("/Annots") or ())
    with contextlib.suppress(Exception):
        attached = [file.name for file in reader.attachment_list]
    if remarks:
        yield f"Left out: comments and marks ({remarks})."
    yield from (f'The attached file "{name}" was not read.' for name in attached[:NAMED_MAX])


def _is_remark(annotation: object) -> bool:
    return isinstance(annotation, dict) and annotation.get("/Subtype") in REMARKS


def _named(pages: list[int]) -> str:
    shown = ", ".join(str(number) for number in pages[:NAMED_MAX])
    more = f" and {len(pages) - NAMED_MAX} more" if len(pages) > NAMED_MAX else ""
    return f"page {shown}" if len(pages) == 1 else f"pages {shown}{more}"
