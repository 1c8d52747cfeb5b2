"""Reading the description of a service: a throw-away process does it, like any document of a stranger (rule S14)."""

from __future__ import annotations

from connectors.documents.found import Limits
from connectors.documents.reading import ask_reader, shown_name, taken, turn
from connectors.manifests.manifest import Manifest
from connectors.sdk import BadParams

LIMITS = Limits(answer=64 * 1024 * 1024)
LARGEST = 25 * 1024 * 1024


def described(content: bytes, name: str, address: str = "") -> Manifest:
    """`address` is where it was found. Raises BadParams (with the reason why it is refused), Rejected, Unavailable."""
    shown = shown_name(name)
    if not content.strip():
        raise BadParams(f'"{shown}" was not read: it is empty. Give a file with content.')
    if len(content) > LARGEST:
        raise BadParams(f'"{shown}" was not read: it is too large (limit 25 MB). Give the part of it that you need.')
    with turn(shown):
        answer = ask_reader(content, name, shown, LIMITS, address=address)
    return taken(answer, shown, Manifest.model_validate)
