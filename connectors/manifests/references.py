"""Looking up what `$ref` points to, however it goes in circles. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from connectors.manifests.manifest import Refused

MOST_STEPS = 20
MOST_LOOK_UPS = 1_000_000


class Unresolved(Exception):
    """A reference leads nowhere we can go; the text is the end of a sentence."""


class Document:
    """The whole document, in which references are looked up."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self.whole = whole
        self.looked_up = 0

    def followed(self, part: Any) -> tuple[Mapping[str, Any], str]:
        """The part that is meant in the end, and the reference that led there; nothing where it stands here itself.

        What stands beside a reference (a description, in OpenAPI 3.1) wins over what it points to. Raises Unresolved,
        and Refused for a document that would have us look for ever.
        """
        self.looked_up += 1
        if self.looked_up > MOST_LOOK_UPS:
            raise Refused("Its parts refer to each other too often. Give the part of it that you need.")
        beside: dict[str, Any] = {}
        reference = ""
        for _ in range(MOST_STEPS):
            if not isinstance(part, Mapping):
                raise Unresolved("something stands where a description should")
            if not isinstance(part.get("$ref"), str):
                return ({**part, **beside} if beside else part), reference
            reference = part["$ref"]
            beside = {**{name: value for name, value in part.items() if name != "$ref"}, **beside}
            part = self._at(reference)
        raise Unresolved(f"“{reference}” refers to itself")

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise Unresolved(f"it refers to “{reference[:120]}”, which is another file")
        found: Any = self.whole
        for step in reference[1:].split("/")[1:]:
            found = _step(found, unquote(step).replace("~1", "/").replace("~0", "~"), reference)
        return found


def _step(found: Any, name: str, reference: str) -> Any:
    if isinstance(found, Mapping) and name in found:
        return found[name]
    if isinstance(found, list) and name.isdigit() and int(name) < len(found):
        return found[int(name)]
    raise Unresolved(f"it refers to “{reference[:120]}”, which is not there")
