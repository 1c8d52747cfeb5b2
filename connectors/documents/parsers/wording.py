"""From bytes to text: which characters they are, and none that later parts cannot hold."""

from __future__ import annotations

import codecs
import re

from connectors.documents.found import Refusal

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OTHER_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# A stray NUL or form feed is an accident of an export; more of them, and the file is no text at all.
CONTROLS_ALLOWED = 0.01


def text_of(content: bytes, declared: str = "") -> tuple[str, list[str]]:
    """The text and the problems met: by byte order mark, then as declared, UTF-8, UTF-16 without mark, Windows-1252."""
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS if content.startswith(mark)), "")
    text, problems = _decoded(content, marked or declared)
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    clean = lines.replace("\0", "")
    if len(clean) < len(lines):
        problems = [*problems, f"NUL characters ({len(lines) - len(clean)}) were removed."]
    return clean, problems


def _decoded(content: bytes, named: str) -> tuple[str, list[str]]:
    for encoding in filter(None, (named, "utf-8", _bare_utf16(content))):
        try:
            text = content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if encoding.startswith("utf-16") or not _is_binary(content):
            return text, []
    if _is_binary(content):
        raise Refusal("it holds neither text nor a document we read. Look what it is and save it as PDF, DOCX or text.")
    return content.decode("cp1252", "replace"), ["It is not UTF-8 and was read as Windows-1252: check its umlauts."]


def _bare_utf16(content: bytes) -> str:
    """Western text in UTF-16 has a NUL in nearly every second byte."""
    even, odd = content[:4096:2], content[1:4096:2]
    if odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.05 * len(even) + 1:
        return "utf-16-le"
    return "utf-16-be" if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.05 * len(odd) + 1 else ""


def _is_binary(content: bytes) -> bool:
    return len(OTHER_CONTROLS.findall(content)) > CONTROLS_ALLOWED * len(content)
