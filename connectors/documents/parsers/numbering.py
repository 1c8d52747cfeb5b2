"""The numbers in front of a Word document's paragraphs. Word keeps rules, not numbers; clause 3.1 must be counted out.

Source: ECMA-376 part 1, section 17.9 (numbering).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from connectors.documents.package import attribute, local

LEVELS = 9
ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
ROMAN_SMALL = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclass(frozen=True, slots=True)
class Level:
    start: int = 1
    form: str = "decimal"
    text: str = "%1."


@dataclass(slots=True)
class Numbering:
    """Counts while the paragraphs go by: `label` must be called once per numbered paragraph, in order."""

    levels: Mapping[str, Mapping[int, Level]]
    abstract_of: Mapping[str, str]
    restarts: Mapping[tuple[str, int], int]
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)

    def label(self, number: str, depth: int) -> str:
        """What Word would print in front of the next paragraph of this list: `3.1`, `(a)`, `•` or nothing."""
        abstract = self.abstract_of.get(number, "")
        levels = self.levels.get(abstract, {})
        if depth not in levels:
            return ""
        counts = self.counts.setdefault(abstract, [None] * LEVELS)
        counts[depth] = self._next(number, depth, counts[depth], levels[depth])
        counts[depth + 1 :] = [None] * (LEVELS - depth - 1)
        return _printed(levels, counts, depth)

    def _next(self, number: str, depth: int, count: int | None, level: Level) -> int:
        restart = self.restarts.get((number, depth))
        if restart is not None and (number, depth) not in self.begun:
            self.begun.add((number, depth))
            return restart
        return level.start if count is None else count + 1


def numbering_of(root: Element | None) -> Numbering:
    children = list(root) if root is not None else []
    abstracts = {
        attribute(one, "abstractNumId") or "": _levels(one) for one in children if local(one.tag) == "abstractNum"
    }
    lists = {attribute(one, "numId") or "": one for one in children if local(one.tag) == "num"}
    return Numbering(
        levels=abstracts,
        abstract_of={number: _value(one, "abstractNumId") for number, one in lists.items()},
        restarts={(number, depth): start for number, one in lists.items() for depth, start in _restarts(one)},
    )


def _levels(abstract: Element) -> dict[int, Level]:
    return {
        _whole(attribute(level, "ilvl")): Level(
            start=_whole(_value(level, "start") or "1"),
            form=_value(level, "numFmt") or "decimal",
            text=_value(level, "lvlText"),
        )
        for level in abstract
        if local(level.tag) == "lvl" and 0 <= _whole(attribute(level, "ilvl")) < LEVELS
    }


def _restarts(one: Element) -> Iterator[tuple[int, int]]:
    for override in one:
        start = _value(override, "startOverride")
        if local(override.tag) == "lvlOverride" and start:
            yield _whole(attribute(override, "ilvl")), _whole(start)


def _printed(levels: Mapping[int, Level], counts: list[int | None], depth: int) -> str:
    level = levels[depth]
    if level.form == "bullet":
        return "•"

    def shown(match: re.Match[str]) -> str:
        place = int(match[1]) - 1
        at = levels.get(place, Level())
        count = counts[place]
        return _counted(at.start if count is None else count, at.form)

    return re.sub(r"%([1-9])", shown, level.text)


def _counted(count: int, form: str) -> str:
    if form == "none":
        return ""
    if form == "decimalZero":
        return f"{count:02d}"
    if form in ("lowerLetter", "upperLetter"):
        return _cased(_letters(count), form)
    return _cased(_roman(count), form) if form in ("lowerRoman", "upperRoman") else str(count)


def _letters(count: int) -> str:
    # After z come aa, bb, cc: the letter is repeated, it does not carry.
    return chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 20) if count > 0 else ""


def _roman(count: int) -> str:
    text, rest = "", min(max(count, 0), 3999)
    for value, sign in (*ROMAN, *ROMAN_SMALL):
        text += sign * (rest // value)
        rest %= value
    return text


def _cased(text: str, form: str) -> str:
    return text.upper() if form.startswith("upper") else text


def _value(element: Element, name: str) -> str:
    found = next((child for child in element if local(child.tag) == name), None)
    return attribute(found, "val") or ""


def _whole(text: str | None) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() else 0
