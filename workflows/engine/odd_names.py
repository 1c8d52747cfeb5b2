"""What is odd about a name: letters that pose as others, characters nobody sees, text that runs backwards. Pure.

Names are kept as people write them, in any script; what could deceive a reader is told, not forbidden (case P10).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

POSING = {
    "Cyrillic": dict(zip("АВЕЅІЈКМНОРСТУХҮԌԚԜаеіјорсухѕһԁԛԝгѵ", "ABESIJKMHOPCTYXYGQWaeijopcyxshdqwrv", strict=True)),
    "Greek": dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹοινρυκϲ", "ABEZHIKMNOPTYXCoivpukc", strict=True)),
    "Armenian": dict(zip("ՍՏՕԼսհոօցզյ", "USOLuhnogqj", strict=True)),
    "Cherokee": dict(zip("ᎪᎫᎬᎳᎷᎻᎽᏀᏃᏏᏒᏔᏙᏚᏞᏟᏢᏦᏴ", "AJEWMHYGZbRWVSLCPKB", strict=True)),
}
"""Script → its letters that look like a Latin one (after Unicode's confusables, UTS 39)."""

STYLED = ("<wide>", "<narrow>", "<font>", "<circle>", "<square>")
DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
JOINERS = frozenset("\u200c\u200d")
BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Drawn as nothing, though Unicode calls them letters and signs."""
MOST_MARKS = 3

WORD = re.compile(r"\w+")


def oddities(name: str) -> list[str]:
    """A sentence for each thing that is odd; empty for nearly every name."""
    if name.isascii() and name.isprintable():
        return []
    return [*_posing(name), *_styled(name), *_unseen(name), *_stacked(name)]


def _posing(name: str) -> Iterator[str]:
    """A word that mixes such letters into Latin ones or, in a name that could be Latin as a whole, consists of them."""
    for word in WORD.findall(name):
        for script, looks in POSING.items():
            posing = [letter for letter in word if letter in looks]
            if not posing or not (_has_latin(word) or _could_be_latin(word, name, script)):
                continue
            said = _listed(
                f"{letter} is a {script} letter that looks like the Latin {looks[letter]}" for letter in posing
            )
            yield f"In “{word}”, {said}."


def _has_latin(word: str) -> bool:
    return any(_script(letter) == "Latin" for letter in word)


def _could_be_latin(word: str, name: str, script: str) -> bool:
    """Whether no letter of this script gives the name away."""
    looks = POSING[script]
    return all(letter in looks for letter in name if _script(letter) == script) and all(
        letter in looks or not letter.isalpha() for letter in word
    )


def _styled(name: str) -> Iterator[str]:
    styled = [letter for letter in name if unicodedata.decomposition(letter).startswith(STYLED)]
    if styled:
        plain = unicodedata.normalize("NFKC", name)
        yield f"It is written with styled characters ({_some(styled)}) and reads “{plain}”."


def _unseen(name: str) -> Iterator[str]:
    turning = [letter for letter in name if letter in DIRECTION]
    unseen = [letter for place, letter in enumerate(name) if _is_unseen(name, place)]
    if turning:
        yield f"It holds characters that turn the direction of reading ({_some_names(turning)})."
    if unseen:
        yield f"It holds characters that nobody sees ({_some_names(unseen)})."


def _is_unseen(name: str, place: int) -> bool:
    letter = name[place]
    if letter in DIRECTION:
        return False
    if letter in JOINERS and place and not name[place - 1].isascii() and not _has_latin(name[place - 1]):
        return False  # Persian, Indic scripts and emoji are written with joiners
    return letter in BLANK or unicodedata.category(letter) in ("Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp")


def _stacked(name: str) -> Iterator[str]:
    in_a_row = longest = 0
    for letter in name:
        in_a_row = in_a_row + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        longest = max(longest, in_a_row)
    if longest > MOST_MARKS:
        yield f"A letter in it carries {longest} marks, which may cover what stands around it."


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0].capitalize()


def _some(letters: list[str]) -> str:
    few = list(dict.fromkeys(letters))[:5]
    return " ".join(few)


def _some_names(letters: list[str]) -> str:
    few = list(dict.fromkeys(letters))[:3]
    return ", ".join(unicodedata.name(letter, f"U+{ord(letter):04X}").lower() for letter in few)


def _listed(parts: Iterator[str]) -> str:
    few = list(dict.fromkeys(parts))[:3]
    return " and ".join([", ".join(few[:-1]), few[-1]]) if len(few) > 1 else few[0]
