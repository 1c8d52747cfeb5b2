"""What a step would tell everybody in the department once it is kept in the library: people and connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workflows.engine.definition import Node, walked
from workflows.engine.secrets import IN_TEXT

LONGEST = 80
MOST = 20

_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)\d[\d ()/-]{6,18}\d(?!\w)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")


class Why(StrEnum):
    """Why a value is worth a second look."""

    PERSON = "person"
    CONNECTION = "connection"
    SECRET = "secret"


OF_A_FIELD: Mapping[str, Why] = {
    "person": Why.PERSON,
    "people": Why.PERSON,
    "assignee": Why.PERSON,
    "connection": Why.CONNECTION,
    "account": Why.CONNECTION,
    "password": Why.SECRET,
    "token": Why.SECRET,
}
"""A parameter of this name says by its name what it holds."""
OF_A_TEXT: Sequence[tuple[re.Pattern[str], Why]] = (
    (IN_TEXT, Why.SECRET),
    (_MAIL, Why.PERSON),
    (_PHONE, Why.PERSON),
    (_IBAN, Why.PERSON),
)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A value in a step. `field` is dotted: "show.Contact"."""

    step: str
    field: str
    value: str
    why: Why


def disclosures(steps: Sequence[Node]) -> list[Disclosure]:
    """Names, addresses, numbers, connections and keys that are written in the steps; at most MOST of them."""
    found = [each for node in walked(steps) for each in _in_step(node)]
    return list(dict.fromkeys(found))[:MOST]


def _in_step(node: Node) -> Iterator[Disclosure]:
    name = node.title or node.id
    for field, text in _texts({**node.given, "when": node.when}, ""):
        why = OF_A_FIELD.get(field.split(".")[0])
        if why and text and "{{" not in text:
            yield Disclosure(name, field, _short(text), why)
        else:
            yield from (Disclosure(name, field, _short(value), reason) for value, reason in _told(text).items())


def _told(text: str) -> dict[str, Why]:
    """What the text tells; a number inside a longer one (a telephone number in an IBAN) counts once."""
    found = {value: why for pattern, why in OF_A_TEXT for value in pattern.findall(text)}
    return {value: why for value, why in found.items() if not any(value != other and value in other for other in found)}


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, place)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
