"""An Office Open XML file (DOCX, XLSX): a ZIP archive of XML parts that refer to each other.

Everything is checked by streaming through it once before a parser sees any of it (rule S15): how many parts, how
large unpacked, how strongly packed, where their names point, archives inside, and no document type declaration in any.
"""

from __future__ import annotations

import io
import posixpath
import stat
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from connectors.documents.found import Refusal

PARTS_MAX = 2_000
UNPACKED_MAX = 200 * 1024 * 1024
RATIO_MAX = 100
# Small parts of very regular XML pack better than 1:100 and can hurt nobody.
RATIO_COUNTS_FROM = 1024 * 1024

ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")
# The data behind a chart is a workbook of its own. It is never opened and the document's `problems` name it.
EMBEDDED = "/embeddings/"

FORMS = {"document": "docx", "workbook": "xlsx", "presentation": "pptx"}
SPOKEN = {"docx": "a Word document", "xlsx": "an Excel workbook", "pptx": "a PowerPoint presentation"}


def local(tag: object) -> str:
    """The name of an element without its namespace: the strict and the usual dialect differ only there."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element | None, name: str) -> str | None:
    if element is None:
        return None
    return next((value for key, value in element.attrib.items() if local(key) == name), None)


class Package:
    """The checked parts. Raises Refusal when the archive is not sound."""

    def __init__(self, content: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except zipfile.BadZipFile:
            raise Refusal("it is broken: its archive has no readable end. Send it again.", "rejected") from None
        check_archive(self._archive)
        self.names = set(self._archive.namelist())
        self.main = next(iter(self.related("", "officeDocument")), "")
        self.form = FORMS.get(self._root_of(self.main), "")

    def part(self, name: str) -> Element | None:
        """The parsed part, None when there is none of that name."""
        if name not in self.names:
            return None
        return fromstring(self._archive.read(name), forbid_dtd=True)

    def raw(self, name: str) -> bytes:
        return self._archive.read(name)

    def related(self, source: str, kind: str) -> list[str]:
        """Names of the parts that `source` (the package itself: "") refers to as `kind`: styles, footnotes, header …"""
        folder, name = posixpath.split(source)
        relations = self.part(posixpath.join(folder, "_rels", f"{name}.rels"))
        return [
            posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
            for relation in (relations if relations is not None else ())
            if relation.get("Type", "").endswith(f"/{kind}") and relation.get("TargetMode") != "External"
        ]

    def first(self, source: str, kind: str) -> Element | None:
        return next((part for name in self.related(source, kind) if (part := self.part(name)) is not None), None)

    def embedded(self) -> list[str]:
        return sorted(posixpath.basename(name) for name in self.names if EMBEDDED in name)

    def has_macros(self) -> bool:
        return any(name.lower().endswith("vbaproject.bin") for name in self.names)

    def title(self) -> str:
        properties = self.first("", "core-properties")
        titles = [
            element.text or ""
            for element in (properties if properties is not None else ())
            if local(element.tag) == "title"
        ]
        return titles[0].strip() if titles else ""

    def problems(self) -> list[str]:
        found = [f'The embedded file "{name}" was left out.' for name in self.embedded()]
        return [*found, "Its macros were left out."] if self.has_macros() else found

    def _root_of(self, name: str) -> str:
        if name not in self.names:
            return ""
        with self._archive.open(name) as part:
            return local(next(iterparse(part, events=("start",), forbid_dtd=True))[1].tag)


def check_form(package: Package, wanted: str) -> None:
    if package.form == wanted:
        return
    if package.form in SPOKEN:
        raise Refusal(f"it is named .{wanted} but holds {SPOKEN[package.form]}. Rename it, or save it as .{wanted}.")
    if "mimetype" in package.names:
        raise Refusal("it is an OpenDocument file, which we do not read. Save it as DOCX, XLSX or PDF.")
    raise Refusal(f"it is a ZIP archive and not {SPOKEN[wanted]}. Unpack it and give the documents inside one by one.")


def check_archive(archive: zipfile.ZipFile) -> None:
    """Rule S15. Raises Refusal."""
    members = archive.infolist()
    if len(members) > PARTS_MAX:
        raise _hostile(f"its archive has {len(members):,} parts (at most {PARTS_MAX:,} are allowed)")
    if len({member.filename for member in members}) < len(members):
        raise _hostile("its archive has two parts of the same name")
    _check_overlaps(members)
    unpacked = 0
    for member in members:
        _check_entry(member)
        unpacked += _check_content(archive, member, UNPACKED_MAX - unpacked)


def _check_entry(member: zipfile.ZipInfo) -> None:
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name or ".." in name.split("/"):
        raise _hostile("a part of its archive points outside of it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _hostile("a part of its archive is a link")
    if member.flag_bits & 0x1:
        raise Refusal("it is protected with a password. Save it without one and try again.")


def _check_overlaps(members: list[zipfile.ZipInfo]) -> None:
    """Parts that share their bytes make a small archive enormous without any single part being suspicious."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for one, following in pairwise(ordered):
        if one.header_offset + one.compress_size > following.header_offset:
            raise _hostile("parts of its archive lie over each other")


def _check_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowed: int) -> int:
    """Unpacked size in bytes, counted and not believed."""
    size, start = 0, b""
    for piece in _pieces(archive, member):
        start = start or piece
        size += len(piece)
        if size > allowed:
            raise _hostile(f"it unpacks to more than {UNPACKED_MAX // (1024 * 1024)} MB")
        if size > RATIO_COUNTS_FROM and size > RATIO_MAX * max(member.compress_size, 1):
            raise _hostile(f"a part of its archive is packed more than 1 : {RATIO_MAX}")
    if start.startswith(ARCHIVES) and EMBEDDED not in member.filename:
        raise _hostile("its archive holds another archive")
    _check_declarations(archive, member)
    return size


def _check_declarations(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """A document type declaration can only stand before the first element."""
    try:
        with archive.open(member) as part:
            next(iterparse(part, events=("start",), forbid_dtd=True), None)
    except DefusedXmlException:
        raise _hostile("a part of it declares a document type, which office documents never do") from None
    except (ParseError, LookupError, ValueError):
        return  # a picture, or broken: its parser will say so


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as part:
        while piece := part.read(64 * 1024):
            yield piece


def _hostile(what: str) -> Refusal:
    return Refusal(f"{what}. Open it in its own program, save it anew and try again.", "rejected")
