"""What stands beside a backup: what it holds, of when, how far the ledger had come, and which keys it needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from audit.history import Head
from config.backups.programs import CannotBackUp

FORM = 1
FILE = "manifest.json"
DUMP, FILES = "database.dump", "files.tar"


@dataclass(frozen=True, slots=True)
class Manifest:
    at: str
    server_version: int
    head: Head
    rows: dict[str, int]
    extensions: list[str]
    roles: list[str]
    keys: dict[str, list[str]]
    """Variable → names of the keys. The keys themselves are kept elsewhere."""
    sha256: dict[str, str] = field(default_factory=dict)
    form: int = FORM

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")


def read(folder: Path) -> Manifest:
    """Raises CannotBackUp for a folder that holds no whole backup."""
    try:
        told: dict[str, Any] = json.loads((folder / FILE).read_text())
        if told["form"] != FORM:
            raise CannotBackUp(f"{folder} was made by a newer version of Tandem. Restore it with that one.")
        found = Manifest(**{**told, "head": Head(**told["head"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotBackUp(f"{folder} is no backup, or was not finished: {error}.") from None
    for name, wanted in found.sha256.items():
        if not (folder / name).exists() or digest(folder / name) != wanted:
            raise CannotBackUp(f"{folder / name} is not what was backed up: take another backup.")
    return found


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest_of(file)


def digest_of(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
