"""The draft as the column of cards that is built: each step with its place, its marks and the ways inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from workflows.engine.definition import Definition, Node
from workflows.pages.cards import Card, Names, Piece, cards_of
from workflows.pages.showing import named

MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class Way:
    """A sequence inside a container: `name` is its place there (`cases.0`), `caption` says when it is entered.

    `can_go` tells whether a person may take the whole way out.
    """

    holder: str
    name: str
    caption: str
    steps: tuple[Step, ...]
    can_go: bool = False

    @property
    def key(self) -> str:
        return f"{self.holder}-{self.name.replace('.', '-')}"


@dataclass(frozen=True, slots=True)
class Step:
    """One card with what stands in it. `saved` names the saved step it is a copy of."""

    card: Card
    ways: tuple[Way, ...] = ()
    is_off: bool = False
    saved: str = ""
    adds: str = ""
    """What a person may add inside: `case` (another way of a branch), `arm` (another sequence at once), or nothing."""

    @property
    def id(self) -> str:
        return self.card.id

    @property
    def is_beside(self) -> bool:
        return self.adds != "" and len(self.ways) > 1

    @property
    def head(self) -> Step:
        """The step without what stands inside: what its own card shows."""
        return replace(self, ways=())

    @property
    def size(self) -> int:
        """Steps inside, at every depth."""
        return sum(1 + step.size for way in self.ways for step in way.steps)


@dataclass(frozen=True, slots=True)
class Column:
    """The whole draft: what it asks for, its steps, what it gives."""

    asks: tuple[Piece, ...]
    steps: tuple[Step, ...]
    gives: tuple[Piece, ...]


def column_of(definition: Definition) -> Column:
    names = Names(definition)
    return Column(
        asks=_listed([asked.title or named(name) for name, asked in definition.inputs.items()]),
        steps=_steps(definition.steps, cards_of(definition), names),
        gives=_listed([named(name) for name in definition.output]),
    )


def _listed(titles: Sequence[str]) -> tuple[Piece, ...]:
    shown = [Piece(title, is_data=True) for title in titles[:MOST_NAMES]]
    more = len(titles) - MOST_NAMES
    return (*shown, Piece(f"+{more}")) if more > 0 else tuple(shown)


def _steps(sequence: Sequence[Node], cards: Sequence[Card], names: Names) -> tuple[Step, ...]:
    return tuple(_step(node, card, names) for node, card in zip(sequence, cards, strict=True))


def _step(node: Node, card: Card, names: Names) -> Step:
    held = dict(node.sequences())
    ways = tuple(
        Way(
            node.id,
            arm.name,
            _caption(arm.name, arm.caption),
            _steps(held[arm.name], arm.cards, names),
            _can_go(node, arm.name),
        )
        for arm in card.arms
    )
    return Step(
        card=replace(card, arms=()),
        ways=ways,
        is_off=node.off,
        saved=node.saved or "",
        adds="case" if node.cases is not None else "arm" if node.arms is not None else "",
    )


def _caption(name: str, caption: str) -> str:
    return caption or {"steps": _("inside"), "rescue": _("if something fails")}.get(name, name)


def _can_go(node: Node, name: str) -> bool:
    """The first steps of a container stay; a branch keeps one case, a rescue and an “otherwise” may go."""
    part = name.partition(".")[0]
    if part in ("cases", "arms"):
        return len(getattr(node, part) or ()) > 1
    return part in ("otherwise", "rescue")
