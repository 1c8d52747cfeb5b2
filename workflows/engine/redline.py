"""What a person changed in a draft, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_PAIRS = 4_000_000
"""Lines or words of one side times those of the other: above it a stretch is shown as replaced in whole."""

_WORD = re.compile(r"\s+|\w+|[^\w\s]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text. `kind`: same, ins or del."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    parts: tuple[Part, ...]
    kept: int
    of: int

    @property
    def is_none(self) -> bool:
        return all(part.kind == "same" for part in self.parts)


def difference(before: str, after: str) -> Difference:
    """The way from `before` to `after`. `kept` of `of` counts the words of the draft that are still there."""
    parts = tuple(_joined(_by_lines(_lines(before), _lines(after))))
    kept = sum(_words(part.text) for part in parts if part.kind == "same")
    return Difference(parts, kept=kept, of=_words(before))


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").strip().splitlines(keepends=True)


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _by_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
    """Lines first: a changed word then costs the comparison of one paragraph, not of the whole text."""
    if len(before) * len(after) > MOST_PAIRS:
        yield from (Part("del", "".join(before)), Part("ins", "".join(after)))
        return
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        old, new = "".join(before[a:b]), "".join(after[c:d])
        if tag == "equal":
            yield Part("same", old)
        else:
            yield from _by_words(_WORD.findall(old), _WORD.findall(new))


def _by_words(before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
    """What both begin and end with is set aside first: most changes are a few words, and comparing costs the square."""
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    yield Part("same", "".join(before[:start]))
    yield from _between(before[start : len(before) - end], after[start : len(after) - end])
    yield Part("same", "".join(before[len(before) - end :]))


def _shared(before: Sequence[str], after: Sequence[str]) -> int:
    """How many words both begin with."""
    differing = (index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    return next(differing, min(len(before), len(after)))


def _between(before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
    if len(before) * len(after) > MOST_PAIRS:
        yield from (Part("del", "".join(before)), Part("ins", "".join(after)))
        return
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Part("same", "".join(before[a:b]))
        else:
            yield from (Part("del", "".join(before[a:b])), Part("ins", "".join(after[c:d])))


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """Neighbours of one kind as one part, empty ones left out."""
    held: Part | None = None
    for part in parts:
        if not part.text:
            continue
        if held is not None and held.kind == part.kind:
            held = Part(held.kind, held.text + part.text)
            continue
        if held is not None:
            yield held
        held = part
    if held is not None:
        yield held
