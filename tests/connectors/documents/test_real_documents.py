"""Documents from other people's programs: each is read or refused by name.

The collection stands beside the repository; `conftest.py` leaves this file out where it does not. What it covers in
principle is covered by the documents that the other tests make.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.documents.reading import read_document
from connectors.documents.writing import write_document
from connectors.sdk import BadParams
from tests.connectors.documents.conftest import SHARED

ENDINGS = {".pdf", ".docx", ".eml"}
LOCKED = "libreoffice-writer-password.pdf"
PICTURES = {
    *("imagemagick-ASCII85Decode.pdf", "imagemagick-CCITTFaxDecode.pdf", "imagemagick-lzw.pdf"),
    *("grayscale-image.pdf", "cmyk-image.pdf"),
    *("empty.docx", "external-picture.docx", "tiny-picture.docx", "tiny-picture-target-base-relative.docx"),
}
# Written to test styles and settings, without a word in them.
LAYOUTS = {
    *("blk-containing-table", "doc-coreprops", "doc-default", "doc-no-coreprops", "doc-word-default-blank"),
    *("set-no-settings-part", "sty-behav-props", "sty-having-no-styles-part", "sty-having-styles-part"),
    *("tbl-2x2-table", "tbl-col-props", "tbl-having-tables", "tbl-on-off-props"),
}


def documents(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (SHARED / folder).rglob("*") if path.suffix in ENDINGS)


@pytest.mark.parametrize("path", documents("office_docs", "mime"), ids=lambda path: path.name)
def test_every_real_document_is_read_or_refused_by_name(path: Path) -> None:
    if path.name == LOCKED:
        with pytest.raises(BadParams, match=f'"{LOCKED}" was not read: it is protected with a password'):
            read_document(path.read_bytes(), path.name)
        return

    found = read_document(path.read_bytes(), path.name)

    assert bool(found.text) == (path.name not in PICTURES and path.stem not in LAYOUTS)
    assert found.text or found.problems
    assert all(passage.text in found.text for passage in found.passages)


@pytest.mark.parametrize("name", ["Mutual-NDA/Mutual-NDA.md", "DPA/DPA.md", "CSA/CSA.md"])
def test_a_real_contract_survives_the_way_through_word(name: str) -> None:
    markdown = (SHARED / "contract_templates" / name).read_text()
    content = write_document("docx", "", markdown)

    text = read_document(content, "contract.docx").text

    sentences = re.findall(r"[A-Z][\w ,]{30,}", re.sub(r"<[^>]*>|[*_]", "", markdown))
    assert len(sentences) > 20
    assert [sentence for sentence in sentences if sentence not in text] == []
