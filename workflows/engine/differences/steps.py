"""Steps: added, removed, moved, and what is other about those that stayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflows.engine.definition import Definition, Node
from workflows.engine.differences import places
from workflows.engine.differences.telling import Difference, Differs, Thing, Word, gettext_noop
from workflows.engine.differences.values import MISSING, Change, changes
from workflows.engine.differences.words import Kinds, field_title, title_of, title_of_kind, way_of

SEQUENCES = ("steps", "rescue", "cases", "otherwise", "arms")
HELD = ("id", *SEQUENCES)


@dataclass(frozen=True)
class Pair:
    """Two definitions whose steps are told apart by their ids."""

    old: Definition
    new: Definition
    kinds: Kinds

    @cached_property
    def before(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.old.nodes()}

    @cached_property
    def after(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.new.nodes()}

    @cached_property
    def stood(self) -> Mapping[str, places.Spot]:
        return places.spots(self.old)

    @cached_property
    def stands(self) -> Mapping[str, places.Spot]:
        return places.spots(self.new)

    @cached_property
    def ways(self) -> Mapping[places.Way, places.Way]:
        """Sequence of the older definition → the same one in the newer."""
        found = {("", ""): ("", "")}
        for step, node in self.before.items():
            if step in self.after:
                arms = places.matched_ways(node, self.after[step])
                found |= {(step, old): (step, new) for old, new in arms.items()}
        return found

    @cached_property
    def moved(self) -> frozenset[str]:
        """Steps of both that stand in another sequence, or in another order in the same one."""
        kept = self.before.keys() & self.after.keys()
        away = {step for step in kept if self.ways.get(self.stood[step].way) != self.stands[step].way}
        old, new = places.sequences(self.old), places.sequences(self.new)
        for before, after in self.ways.items():
            stayed = [{*old[before]} & {*new[after]} & (kept - away)]
            away |= places.moved(*([step for step in each if step in stayed[0]] for each in (old[before], new[after])))
        return frozenset(away)

    def title(self, step: str) -> str:
        return title_of(self.after.get(step) or self.before[step], self.kinds)


def step_differences(pair: Pair) -> Iterator[Difference]:
    """In the order in which the newer definition is read."""
    for step in places.reading_order(pair.stood, pair.stands):
        if step not in pair.after:
            yield _whole(pair, step, Differs.REMOVED, gettext_noop("“{title}” was removed"))
        elif step not in pair.before:
            yield _placed(pair, step, Differs.ADDED)
        else:
            if step in pair.moved:
                yield _placed(pair, step, Differs.MOVED)
            yield from _own(pair, pair.before[step], pair.after[step])
            yield from _ways(pair, pair.before[step], pair.after[step])


# ── where it stands ──────────────────────────────────────────────────────────────────────────────────────────────────

PLACED: Mapping[tuple[Differs, bool, bool], str] = {
    (Differs.ADDED, False, True): gettext_noop("“{title}” was added after “{after}”"),
    (Differs.ADDED, False, False): gettext_noop("“{title}” was added at the beginning"),
    (Differs.ADDED, True, True): gettext_noop("“{title}” was added in “{container}” ({way}), after “{after}”"),
    (Differs.ADDED, True, False): gettext_noop("“{title}” was added in “{container}” ({way}), at the beginning"),
    (Differs.MOVED, False, True): gettext_noop("“{title}” was moved and now follows “{after}”"),
    (Differs.MOVED, False, False): gettext_noop("“{title}” was moved to the beginning"),
    (Differs.MOVED, True, True): gettext_noop("“{title}” was moved in “{container}” ({way}) and now follows “{after}”"),
    (Differs.MOVED, True, False): gettext_noop("“{title}” was moved to the beginning of “{container}” ({way})"),
}


def _placed(pair: Pair, step: str, deed: Differs) -> Difference:
    spot = pair.stands[step]
    names = {"after": pair.title(spot.after)} if spot.after else {}
    container, arm = spot.way
    if container:
        names |= {"container": pair.title(container), "way": way_of(pair.after[container], arm)}
    return _whole(pair, step, deed, PLACED[deed, bool(container), bool(spot.after)], **names)


def _whole(pair: Pair, step: str, deed: Differs, sentence: str, **names: str) -> Difference:
    """About a step as such; what is new or gone carries the whole step without what it holds."""
    before = own(pair.before[step]) if deed is Differs.REMOVED else MISSING
    after = own(pair.after[step]) if deed is Differs.ADDED else MISSING
    names = {"title": pair.title(step), **names}
    return Difference(deed, Thing.STEP, sentence, names, step, "", before, after)


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────


def own(node: Node) -> dict[str, Any]:
    """The step as it is written, without its id and what it holds."""
    return node.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(HELD))


def _own(pair: Pair, old: Node, new: Node) -> Iterator[Difference]:
    before, after = own(old), own(new)
    for name in {**after, **before}:
        held = before.get(name, MISSING), after.get(name, MISSING)
        if name == "with":
            held = before.get(name, {}), after.get(name, {})
        for change in changes(*held, (name,), in_order=False):
            yield _told(pair, new, change)


def _told(pair: Pair, node: Node, change: Change) -> Difference:
    field = ".".join(change.place)
    names = {"title": title_of(node, pair.kinds)}
    deed, sentence = Differs.CHANGED, SPECIAL.get(field, "")
    if field == "title":
        deed = Differs.RENAMED
        names |= {"before": title_of(pair.before[node.id], pair.kinds)}
    elif field == "kind":
        names |= {"before": title_of_kind(change.before, pair.kinds), "kind": title_of_kind(change.after, pair.kinds)}
    elif field == "off":
        sentence = SWITCHED_OFF if change.after is True else SWITCHED_ON
    elif field == "on_error":
        sentence = WHEN_IT_FAILS[change.after if isinstance(change.after, str) else "stop"]
    else:
        sentence = sentence_of(change)
        names["field"] = field_title(change.place, pair.kinds.get(node.kind))
    return Difference(deed, Thing.STEP, sentence, names, node.id, field, change.before, change.after)


SPECIAL: Mapping[str, str] = {
    "title": gettext_noop("“{before}” is now called “{title}”"),
    "kind": gettext_noop("“{title}” is of another kind: “{kind}” instead of “{before}”"),
}
WHEN_IT_FAILS: Mapping[str, str] = {
    "stop": gettext_noop("“{title}”: when it fails, the workflow stops now"),
    "continue": gettext_noop("“{title}”: when it fails, the workflow goes on without its result now"),
    "ask": gettext_noop("“{title}”: when it fails, a person is asked to carry on now"),
}
SWITCHED_OFF = gettext_noop("“{title}” was switched off")
SWITCHED_ON = gettext_noop("“{title}” was switched on again")


def sentence_of(change: Change) -> str:
    if change.is_order:
        return gettext_noop("“{title}”: order of {field} changed")
    if change.before is MISSING or change.before in ("", None):
        return gettext_noop("“{title}”: {field} filled in")
    if change.after is MISSING or change.after in ("", None):
        return gettext_noop("“{title}”: {field} taken out")
    return gettext_noop("“{title}”: {field} changed")


# ── its ways ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WAY_ADDED = gettext_noop("“{title}” has a new way: {way}")
WAY_REMOVED = gettext_noop("“{title}” has lost a way: {way}")
WAY_CHANGED = gettext_noop("“{title}”, way “{way}”: {field} changed")
WAYS_MOVED = gettext_noop("“{title}”: its ways come in another order")


def _ways(pair: Pair, old: Node, new: Node) -> Iterator[Difference]:
    matched = {before[1]: after[1] for before, after in pair.ways.items() if before[0] == new.id}
    for arm, _held in old.sequences():
        if arm not in matched:
            yield _way(pair, new, Differs.REMOVED, WAY_REMOVED, arm, way_of(old, arm), before=_written(old, arm))
    for arm, _held in new.sequences():
        if arm not in matched.values():
            yield _way(pair, new, Differs.ADDED, WAY_ADDED, arm, way_of(new, arm), after=_written(new, arm))
    yield from _empty_lists(pair, old, new)
    for name in ("cases", "arms"):
        kept = [after for before, after in matched.items() if before.startswith(f"{name}.")]
        if places.moved(kept, sorted(kept, key=_number)):
            yield _way(pair, new, Differs.MOVED, WAYS_MOVED, name, "")
    for before, after in matched.items():
        for change in changes(_written(old, before), _written(new, after)):
            yield _changed_way(pair, new, after, change)


def _empty_lists(pair: Pair, old: Node, new: Node) -> Iterator[Difference]:
    """“No ways” written down and nothing written down are two things to a definition."""
    for name in ("cases", "arms"):
        held = getattr(old, name), getattr(new, name)
        if (held[0] is None) != (held[1] is None) and not (held[0] or held[1]):
            deed, sentence = (Differs.ADDED, WAY_ADDED) if held[0] is None else (Differs.REMOVED, WAY_REMOVED)
            yield _way(pair, new, deed, sentence, name, Word("–"))


def _way(pair: Pair, node: Node, deed: Differs, sentence: str, arm: str, way: str, **held: Any) -> Difference:
    return Difference(deed, Thing.WAY, sentence, {"title": pair.title(node.id), "way": way}, node.id, arm, **held)


def _changed_way(pair: Pair, node: Node, arm: str, change: Change) -> Difference:
    names = {"title": pair.title(node.id), "way": way_of(node, arm), "field": field_title(change.place, None)}
    place = ".".join((arm, *change.place))
    return Difference(Differs.CHANGED, Thing.WAY, WAY_CHANGED, names, node.id, place, change.before, change.after)


def _written(node: Node, arm: str) -> dict[str, Any]:
    """Title and condition of a case or an arm; nothing for the other sequences."""
    name, _dot, number = arm.partition(".")
    if not number:
        return {}
    return getattr(node, name)[int(number)].model_dump(mode="json", exclude_defaults=True, exclude={"steps"})


def _number(arm: str) -> int:
    return int(arm.partition(".")[2])
