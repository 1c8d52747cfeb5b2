"""What is about to leave Tandem, to the letter: shown to whoever decides, compared right before it is sent. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ITSELF = "(itself)"
"""As what a question decides (`Ask.sends`): the sending of the very step that asks."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """`size` in bytes."""

    name: str
    type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """One message to the outside: by which way, to whom, under which headings, with which body and attachments."""

    by: str
    to: Sequence[str]
    headings: Mapping[str, str]
    body: str
    attachments: Sequence[Attachment] = ()

    def data(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))

    @property
    def sha256(self) -> str:
        return digest(self.data())


def digest(value: Any) -> str:
    """SHA-256 of JSON with sorted names: the same value always gives the same digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
