"""A step's surroundings with files in memory and the real reading and writing of documents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from connectors.documents.reading import read_document
from connectors.documents.writing import write_document
from connectors.sdk import FileRef, ReadDocument


@dataclass
class Desk:
    """Is its own `files` and `documents`, as `ctx` offers them."""

    contents: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, name: str, content: bytes, type: str = "") -> FileRef:
        sha256 = hashlib.sha256(content).hexdigest()
        self.contents[sha256[:20]] = content
        return FileRef(file=sha256[:20], name=name, type=type, size=len(content), sha256=sha256)

    @property
    def files(self) -> DeskFiles:
        return DeskFiles(self)

    @property
    def documents(self) -> DeskDocuments:
        return DeskDocuments(self)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@dataclass
class DeskFiles:
    desk: Desk

    def read(self, ref: FileRef) -> bytes:
        return self.desk.contents[ref.file]

    def save(self, name: str, content: bytes, type: str) -> FileRef:
        return self.desk.put(name, content, type)


@dataclass
class DeskDocuments:
    desk: Desk

    def read(self, ref: FileRef) -> ReadDocument:
        return read_document(self.desk.files.read(ref), ref.name)

    def write(self, form: str, title: str, content: Any) -> bytes:
        return write_document(form, title, content)
