"""What the steps that work with text have in common: shapes of answers, sizes, and the cutting of long texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from connectors.sdk.actions import hint
from connectors.sdk.shown import readable

CHARACTERS_PER_WORD = 8
MOST_TOKENS = 8_000
LONGEST_TEXT = 1_000_000

_BREAKS = ("\n\n", "\n", ". ", " ")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*(?=\s|$)")


Readable = Annotated[str, BeforeValidator(readable)]


def counted(number: int, one: str) -> str:
    """“1 file”, “1,200 files”: for nouns that take an s."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def model_field() -> Any:
    """The parameter `model` of every step that asks an AI."""
    return Field(
        default="",
        max_length=120,
        title="Model",
        description="Which AI does it. Leave it empty unless this step needs another one than the rest.",
        json_schema_extra=hint("choice", source="models", nothing="The usual model", advanced=True),
    )


def form(**properties: Any) -> dict[str, Any]:
    """A closed object that must have all of these properties; the model fills them in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def text(most: int, *, least: int = 1, described: str = "") -> dict[str, Any]:
    """A text of at most this many characters, as part of a `form`."""
    shape: dict[str, Any] = {"type": "string", "minLength": least, "maxLength": most}
    return {**shape, "description": described} if described else shape


def characters_for(words: int) -> int:
    """Room for so many words in any European language."""
    return words * CHARACTERS_PER_WORD


def tokens_for(characters: int) -> int:
    """Tokens that so many characters cannot exceed, so that a form is always filled to its end."""
    return min(characters * 4 + 200, MOST_TOKENS)


def finished(written: str, most: int) -> tuple[str, bool]:
    """The text, and whether it ended by itself. One that filled its room loses its last, unfinished sentence."""
    written = written.strip()
    if len(written) < most or _SENTENCE_END.search(written[-2:]):
        return written, True
    ends = [match.end() for match in _SENTENCE_END.finditer(written)]
    return (written[: ends[-1]] if ends else written), False


def pieces(long: str, most: int) -> list[str]:
    """The text in pieces of at most `most` characters, cut between paragraphs, else lines, sentences, words."""
    return list(_cut(long.strip(), most))


def _cut(rest: str, most: int) -> Iterator[str]:
    while len(rest) > most:
        place = _place_to_cut(rest, most)
        yield rest[:place].strip()
        rest = rest[place:].lstrip()
    if rest:
        yield rest


def _place_to_cut(rest: str, most: int) -> int:
    for mark in _BREAKS:
        place = rest.rfind(mark, most // 2, most)
        if place > 0:
            return place + len(mark.rstrip() or "")
    return most
