"""Short names that became others. Everything that refers to them follows, so that only the renaming is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workflows.engine.definition import Definition, Node
from workflows.engine.differences import places
from workflows.engine.differences.steps import own
from workflows.engine.differences.telling import Difference, Differs, Thing, gettext_noop
from workflows.engine.differences.words import Kinds, spoken, title_of
from workflows.engine.edits import BadEdit, apply

ENOUGH = 3
"""Points of likeness from which a step that is gone and one that is new are taken for the same one."""
STEP = gettext_noop("“{title}” has another short name: {after} instead of {before}")
INPUT = gettext_noop("What it asks for, “{title}”, has another short name: {after} instead of {before}")
RESULT = gettext_noop("The result “{before}” is now called “{title}”")

MOST = 20
"""Each one costs a whole definition; more than this is not renaming but another workflow."""

Pairs = Iterator[tuple[str, str]]
Found = Iterator[tuple[Mapping[str, Any], Difference]]


def followed(old: Definition, new: Definition, kinds: Kinds) -> tuple[list[Difference], Definition]:
    """What was renamed, and the older definition with the newer names."""
    told: list[Difference] = []
    for find in (_steps, _inputs, _results):
        for edit, difference in list(find(old, new, kinds))[:MOST]:
            try:
                old = apply(old, edit, kinds)
            except BadEdit:
                continue
            told.append(difference)
    return told, old


def _steps(old: Definition, new: Definition, kinds: Kinds) -> Found:
    nodes = {node.id: node for node in new.nodes()}
    for before, after in _step_pairs(old, new):
        told = _told(Thing.STEP, STEP, title_of(nodes[after], kinds), "id", before, after, step=after)
        yield {"do": "rename", "step": before, "id": after}, told


def _inputs(old: Definition, new: Definition, kinds: Kinds) -> Found:
    for before, after in _alike(old.inputs, new.inputs):
        title = new.inputs[after].title or spoken(after)
        told = _told(Thing.INPUT, INPUT, title, f"inputs.{after}", before, after)
        yield {"do": "rename_input", "name": before, "to": after}, told


def _results(old: Definition, new: Definition, kinds: Kinds) -> Found:
    for before, after in _alike(old.output, new.output):
        told = _told(Thing.RESULT, RESULT, spoken(after), f"output.{after}", before, after)
        yield {"do": "rename_result", "name": before, "to": after}, told


def _told(thing: Thing, sentence: str, title: str, field: str, before: str, after: str, step: str = "") -> Difference:
    names = {"title": title, "before": before, "after": after}
    return Difference(Differs.RENAMED, thing, sentence, names, step, field, before, after)


# ── what is taken for the same ───────────────────────────────────────────────────────────────────────────────────────


def _step_pairs(old: Definition, new: Definition) -> Pairs:
    gone, come = _only_in(old, new), _only_in(new, old)
    before, after = places.spots(old), places.spots(new)
    scored = [
        (_likeness(a, b) + (before[a.id] == after[b.id]), -i, -j, a.id, b.id)
        for i, a in enumerate(gone)
        for j, b in enumerate(come)
    ]
    yield from _best([(a, b) for score, _i, _j, a, b in sorted(scored, reverse=True) if score >= ENOUGH])


def _only_in(one: Definition, other: Definition) -> Sequence[Node]:
    known = {node.id for node in other.nodes()}
    return [node for node in one.nodes() if node.id not in known]


def _likeness(old: Node, new: Node) -> int:
    if old.kind != new.kind:
        return 0
    titled = bool(old.title) and old.title == new.title
    given = bool(old.given) and own(old).get("with") == own(new).get("with")
    held = {each.id for _, steps in old.sequences() for each in steps}
    shared = held & {each.id for _, steps in new.sequences() for each in steps}
    return 2 * titled + 3 * given + 2 * bool(shared)


def _alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> Pairs:
    """The same thing under another name, as long as there is one such thing only."""
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    yield from _best([(a, b) for a in gone for b in come if old[a] == new[b]])


def _best(pairs: Sequence[tuple[str, str]]) -> Pairs:
    """The first pairs in which everything occurs once."""
    seen: set[tuple[str, str]] = set()
    for before, after in pairs:
        if not {("old", before), ("new", after)} & seen:
            seen |= {("old", before), ("new", after)}
            yield before, after
