"""The difference between two definitions as pages show it: by step, in the reader's language, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.engine.differences import MISSING, Difference, Differs, Thing, Word, differences
from workflows.engine.differences.values import is_condition
from workflows.engine.differences.words import field_title
from workflows.engine.redline import Part, difference
from workflows.pages.cards import GROUPS, Names, condition_read, title_of
from workflows.runtime.kinds import kinds

INSERTED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
TONES = {
    Differs.ADDED: "ok",
    Differs.REMOVED: "bad",
    Differs.MOVED: "run",
    Differs.RENAMED: "run",
    Differs.CHANGED: "plain",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a step that is new or gone: what it is called, and what it says."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One difference. `parts` are the words before and after; `settings` all of a step that is new or gone."""

    deed: Differs
    said: str
    parts: tuple[Part, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def tone(self) -> str:
        return TONES[self.deed]


@dataclass(frozen=True, slots=True)
class Head:
    """A step by its title, with the colour and icon of its kind."""

    title: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class Group:
    """Everything that is other about one step; `head` is None for the workflow itself."""

    head: Head | None
    lines: tuple[Line, ...]


def told(old: Definition, new: Definition) -> tuple[Group, ...]:
    """Nothing where the two mean the same."""
    return tuple(_groups(differences(old, new, kinds()), old, new))


def _groups(found: Sequence[Difference], old: Definition, new: Definition) -> Iterator[Group]:
    before, after = Names(old), Names(new)
    nodes = {node.id: node for node in (*old.nodes(), *new.nodes())}
    by_step: dict[str, list[Difference]] = {}
    for each in found:
        by_step.setdefault(each.step, []).append(each)
    for step, differences_of in by_step.items():
        node = nodes.get(step)
        yield Group(_head(node) if node else None, tuple(_line(each, before, after, node) for each in differences_of))


def _head(node: Node) -> Head:
    kind = kinds().get(node.kind)
    tone, icon = GROUPS.get(node.kind.partition(".")[0], ("out", "world"))
    return Head(title_of(node), tone, (kind.icon if kind else "") or icon)


def _line(each: Difference, before: Names, after: Names, node: Node | None) -> Line:
    names = {name: _(text) if isinstance(text, Word) else text for name, text in each.names.items()}
    said = _(each.sentence).format_map(names)
    if each.thing is Thing.STEP and each.deed in (Differs.ADDED, Differs.REMOVED):
        held, of = (each.after, after) if each.deed is Differs.ADDED else (each.before, before)
        return Line(each.deed, said, settings=tuple(_settings(held, of, node)))
    if each.deed in (Differs.MOVED, Differs.RENAMED) or each.field == "off":
        return Line(each.deed, said)
    return Line(each.deed, said, difference(_text(each.before, before), _text(each.after, after)).parts)


def _settings(held: Mapping[str, Any], names: Names, node: Node | None) -> Iterator[Setting]:
    """All that the step says but its title and kind, which the card shows."""
    kind = kinds().get(held.get("kind", ""))
    given = [(("with", name), value) for name, value in held.get("with", {}).items()]
    rest = [((name,), value) for name, value in held.items() if name not in ("with", "title", "kind")]
    for place, value in (*given, *rest):
        title = field_title(place, kind)
        yield Setting(_(title) if isinstance(title, Word) else title, _text(value, names))


def _text(value: Any, names: Names) -> str:
    """A value in words, with its references called by the names of what they point to."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return INSERTED.sub(lambda match: _reference(match, names), value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if is_condition(value):
        return condition_read(value, names)
    if isinstance(value, Mapping):
        pairs = (f"{str(name).replace('_', ' ')}: {_text(item, names)}" for name, item in value.items())
        return "; ".join(pairs)
    if isinstance(value, list):
        are_words = all(not isinstance(item, Mapping | list) for item in value)
        return (", " if are_words else "\n").join(_text(item, names) for item in value)
    return str(value)


def _reference(match: re.Match[str], names: Names) -> str:
    try:
        found = sorted(params.references(match[0]), key=str)
    except params.BadText:
        return match[0]
    return f"[{names.of(found[0])}]" if found else match[0]
