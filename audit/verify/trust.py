"""What the verifier believes: public keys, anchors, and, where it is given them, the keys of the entries' codes.

It reads them from files that whoever verifies has named, never from the ledger or its database (case A15).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .encoding import Anchor, signed_of_anchor, signed_of_batch
from .sources import CannotRead


@dataclass(frozen=True)
class Told:
    """One line that an anchor's place has kept: what it says, or why it cannot be believed."""

    anchor: Anchor | None
    where: str
    problem: str = ""


@dataclass(frozen=True)
class Trust:
    """`public`: name → key of the sealer, newest first. `codes`: name → key of the entries' codes; None without."""

    public: Mapping[str, bytes]
    anchors: Sequence[Told] = field(default_factory=tuple)
    codes: Mapping[str, bytes] | None = None

    def age_of(self, key_id: str) -> int | None:
        """0 is the newest key; None for one that is not known."""
        names = list(self.public)
        return names.index(key_id) if key_id in names else None

    def has_signed(self, key_id: str, hash: bytes, signature: bytes) -> bool:
        return _is_signed(self.public, key_id, signature, signed_of_batch(hash))


def keys(path: Path) -> dict[str, bytes]:
    """Name → 32 bytes, as they stand in the file, one a line. Raises CannotRead."""
    try:
        return key_ring(path.read_text(), str(path))
    except OSError as error:
        raise CannotRead(f"The keys in {path} cannot be read: {error.strerror}.") from None


def key_ring(text: str, where: str) -> dict[str, bytes]:
    """The same, from a text with line ends or commas. Raises CannotRead."""
    try:
        pairs = [entry.split(":", 1) for entry in text.replace(",", " ").split()]
        found = {name: base64.b64decode(key, validate=True) for name, key in pairs}
    except ValueError:
        found = {}
    if not found or any(len(key) != 32 for key in found.values()):
        raise CannotRead(f"{where} holds no keys. Each line is a name, a colon, and 32 bytes in base64.")
    return found


def anchors(paths: Sequence[Path], public: Mapping[str, bytes]) -> list[Told]:
    """Lines of files, also with a syslog server's words before them; of a folder all its files. Raises CannotRead."""
    found = []
    for path in paths:
        try:
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            for file in files:
                found += [_told(line, f"{file.name}:{number}", public) for number, line in _lines(file)]
        except OSError as error:
            raise CannotRead(f"The anchors in {path} cannot be read: {error.strerror}.") from None
    return found


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    text = file.read_text(encoding="utf-8", errors="replace")
    return ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _told(line: str, where: str, public: Mapping[str, bytes]) -> Told:
    try:
        said = json.loads(line[line.index("{") :])
        hash, signature = bytes.fromhex(said["hash"]), bytes.fromhex(said["signature"])
        moment = datetime.fromisoformat(said["at"])
        anchor = Anchor(int(said["batch"]), hash, int(said["total"]), moment, str(said["key_id"]))
        good = _is_signed(public, anchor.key_id, signature, signed_of_anchor(anchor))
    except (ValueError, KeyError, TypeError):
        return Told(None, where, "is no anchor")
    return Told(anchor, where) if good else Told(None, where, "is not signed by the sealer")


def _is_signed(public: Mapping[str, bytes], key_id: str, signature: bytes, signed: bytes) -> bool:
    if key_id not in public:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public[key_id]).verify(signature, signed)
    except InvalidSignature:
        return False
    return True
