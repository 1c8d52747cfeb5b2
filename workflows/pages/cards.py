"""A definition as a column of cards: each step a sentence, read from its kind and its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_origin

from django.utils.translation import gettext as _
from pydantic_core import PydanticUndefined

from connectors.forms import operator_words
from connectors.sdk import Action
from connectors.sdk.asking import ROLES, People, Time
from departments.models import Role
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.pages.showing import named
from workflows.runtime.kinds import kinds

LONG_CHIP = 32
LONGEST_CHIP = 60
MOST_CHIPS = 4
GROUPS: Mapping[str, tuple[str, str]] = {
    "ai": ("ai", "sparkles"),
    "people": ("people", "user-check"),
    "text": ("data", "text-plus"),
    "data": ("data", "database"),
    "document": ("data", "file-text"),
    "flow": ("flow", "git-branch"),
}
"""First word of a kind → colour and icon; everything else speaks to the outside."""

_BRACES = re.compile(r"\{(\w+)\}")
_INSERTED = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}", re.DOTALL)
_MARKS = re.compile(r"[#*|`>]+|(^|\n)\s*[-+] ")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a card's sentence: words, or data shown as a chip."""

    text: str
    is_data: bool = False

    @property
    def is_long(self) -> bool:
        return len(self.text) > LONG_CHIP


@dataclass(frozen=True, slots=True)
class Arm:
    """A sequence inside a container: `name` is its place (`cases.0`), `caption` says when it is entered."""

    name: str
    caption: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One step. `tone` colours its icon: ai, people, data, flow or out."""

    id: str
    kind: str
    kind_title: str
    title: str
    tone: str
    icon: str
    sentence: tuple[Piece, ...] = ()
    condition: str = ""
    arms: tuple[Arm, ...] = ()

    @property
    def is_side_by_side(self) -> bool:
        return self.kind in ("flow.branch", "flow.parallel") and len(self.arms) > 1


@dataclass(frozen=True)
class Names:
    """What references are called: the title of an input, of a step."""

    definition: Definition
    steps: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", {node.id: title_of(node) for node in self.definition.nodes()})

    def of(self, reference: Sequence[str | int]) -> str:
        """("steps", "tone", "label") → How does it speak about us? ▸ label."""
        first, *rest = [str(part) for part in reference]
        if first == "inputs" and rest:
            declared = self.definition.inputs.get(rest[0])
            first, rest = (declared.title if declared and declared.title else named(rest[0])), rest[1:]
        elif first == "steps" and rest:
            first, rest = self.steps.get(rest[0], named(rest[0])), rest[1:]
        return " ▸ ".join([first, *(part.replace("_", " ") for part in rest)])

    def read(self, text: str) -> str:
        """A text of the definition with its references named and its tags left out, on one line."""
        return " ".join(_MARKS.sub(" ", _INSERTED.sub(self._inserted, text)).split())

    def _inserted(self, match: re.Match[str]) -> str:
        try:
            found = sorted(params.references(match[0])) if match[1] else []
        except params.BadText:
            found = []
        return f"[{self.of(found[0])}]" if found else " "


def cards_of(definition: Definition) -> tuple[Card, ...]:
    return _cards(definition.steps, Names(definition))


def _cards(sequence: Sequence[Node], names: Names) -> tuple[Card, ...]:
    return tuple(card_of(node, names) for node in sequence)


def card_of(node: Node, names: Names) -> Card:
    kind = kinds().get(node.kind)
    tone, icon = GROUPS.get(node.kind.partition(".")[0], ("out", "world"))
    return Card(
        id=node.id,
        kind=node.kind,
        kind_title=kind.title if kind else node.kind,
        title=title_of(node),
        tone=tone,
        icon=(kind.icon if kind else "") or icon,
        sentence=tuple(sentence(kind, node, names)) if kind else (),
        condition=condition_read(node.when, names) if node.when else "",
        arms=tuple(_arm(node, place, held, names) for place, held in sorted(node.sequences(), key=_reading_order)),
    )


def _reading_order(sequence: tuple[str, Sequence[Node]]) -> int:
    """The steps before their rescue, every case before “otherwise”; else as they are written."""
    return sequence[0] in ("rescue", "otherwise")


def title_of(node: Node) -> str:
    kind = kinds().get(node.kind)
    return node.title or (kind.title if kind else named(node.id))


def _arm(node: Node, place: str, held: Sequence[Node], names: Names) -> Arm:
    return Arm(name=place, caption=_caption(node, place, names), cards=_cards(held, names))


def _caption(node: Node, place: str, names: Names) -> str:
    part, _dot, number = place.partition(".")
    if part == "cases":
        case = (node.cases or [])[int(number)]
        return case.title or (condition_read(case.when, names) if any(case.when.values()) else _("no condition yet"))
    if part == "arms":
        arm = (node.arms or [])[int(number)]
        return arm.title or (_("tool %(number)s") % {"number": int(number) + 1} if arm.tool else _("at the same time"))
    if part == "steps" and node.kind == "flow.for_each":
        return _("for each %(item)s") % {"item": node.given.get("as") or _("item")}
    captions = {"otherwise": _("otherwise"), "rescue": _("if something fails"), "steps": ""}
    return captions.get(part, part)


# ── sentences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def sentence(kind: type[Action], node: Node, names: Names) -> Iterator[Piece]:
    """The kind's `reads_as` with the step's parameters in its braces."""
    for index, part in enumerate(_BRACES.split(kind.reads_as)):
        if part == "role" and index % 2 and issubclass(kind.Params, People):
            yield from _asked(node, names)
            continue
        chips = list(_chips(_given(kind, node, part), names)) if index % 2 else []
        if index % 2 and _is_chosen(kind, part):
            chips = [replace(chip, is_data=False) for chip in chips]
        if index == 1 and kind.reads_as.startswith("{"):
            chips[0] = replace(chips[0], text=f"{chips[0].text[:1].upper()}{chips[0].text[1:]}")
        yield from chips if index % 2 else [Piece(part)] if part else []
    if issubclass(kind.Params, Time):
        yield from _until(node, names)


def _until(node: Node, names: Names) -> Iterator[Piece]:
    """Until when a question is open, and who is asked as well meanwhile."""
    hours = node.given.get("due_hours")
    if hours in (None, ""):
        return
    unit = _(" working hours") if node.given.get("working_hours") is True else _(" hours")
    yield from [Piece(_(", within ")), _chip(hours, names), Piece(unit)]
    rows = node.given.get("escalate")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("after_hours") not in (None, ""):
            whom = _chip(row["person"], names) if row.get("person") else _role(row.get("role") or Role.MANAGER)
            yield from [Piece(_("; after ")), _chip(row["after_hours"], names), Piece(_(" also ")), whom]


def _role(role: Any) -> Piece:
    return Piece(_(ROLES.get(str(role), str(role))).lower())


def _asked(node: Node, names: Names) -> Iterator[Piece]:
    """Whom a question is asked of, stage after stage: Ada ⟨and⟩ Ben, ⟨then managers⟩."""
    stages = [node.given, *(stage for stage in node.given.get("then") or () if isinstance(stage, Mapping))]
    for index, stage in enumerate(stages):
        yield from [Piece(_(", then "))] if index else []
        named = [stage.get("person"), *_persons(stage.get("people"))]
        people = [_chip(name, names) for name in named if name]
        if people:
            for number, person in enumerate(people):
                yield from [Piece(_(" and "))] if number else []
                yield person
        elif stage.get("group"):
            yield _chip(stage["group"], names)
        else:
            yield _role(stage.get("role") or Role.APPROVER)


def _persons(rows: Any) -> list[Any]:
    return [row.get("person") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _is_chosen(kind: type[Action], name: str) -> bool:
    """Whether the parameter is one of a few words of the product (filter, sort), which read as words, not as data."""
    declared = kind.Params.model_fields.get(name)
    return declared is not None and get_origin(declared.annotation) is Literal


def _given(kind: type[Action], node: Node, name: str) -> Any:
    """The parameter as written, else what the kind assumes."""
    if name in node.given:
        return node.given[name]
    declared = kind.Params.model_fields.get(name)
    if declared is None or declared.default is PydanticUndefined:
        return None
    return declared.default


def _chips(value: Any, names: Names) -> Iterator[Piece]:
    if isinstance(value, list | tuple) and value:
        for index, item in enumerate(value[:MOST_CHIPS]):
            yield from [Piece(" ")] if index else []
            yield _chip(_word(item), names)
        if len(value) > MOST_CHIPS:
            yield Piece(f" +{len(value) - MOST_CHIPS}")
    elif isinstance(value, Mapping) and value:
        yield from _chips(list(value), names)
    else:
        yield _chip(value, names)


def _chip(value: Any, names: Names) -> Piece:
    text = names.read(value) if isinstance(value, str) else "" if value is None else str(value)
    text = text[1:-1] if isinstance(value, str) and params.whole_reference(value) else text
    return Piece((text if len(text) <= LONGEST_CHIP else f"{text[:LONGEST_CHIP].rstrip()}…") or "…", is_data=True)


def _word(item: Any) -> Any:
    """A label, field or row by its name."""
    if isinstance(item, Mapping):
        item = next((item[name] for name in ("name", "label", "title") if name in item), "…")
    is_a_name = isinstance(item, str) and not params.is_template(item)
    return item.replace("_", " ") if is_a_name else item


def condition_read(condition: Mapping[str, Any], names: Names) -> str:
    """A condition in words: “tone is equal to negative and urgency is at least 3”."""
    for group, word in (("all", _("and")), ("any", _("or"))):
        if group in condition:
            return f" {word} ".join(condition_read(row, names) for row in condition[group]) or _("always")
    operator = condition.get("is", "")
    sides = [_chip(condition.get(side), names).text for side in ("value", "to") if side in condition]
    return " ".join([sides[0] if sides else "…", operator_words().get(operator, str(operator)), *sides[1:]])
