"""The workflow around its steps: its name, what it asks for and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.engine.definition import Definition
from workflows.engine.differences import places
from workflows.engine.differences.telling import Difference, Differs, Thing, gettext_noop
from workflows.engine.differences.values import MISSING, changes, same
from workflows.engine.differences.words import field_title, spoken

Named = Mapping[str, Any]

SENTENCES: Mapping[tuple[Thing, Differs], str] = {
    (Thing.INPUT, Differs.ADDED): gettext_noop("It now asks for “{title}”"),
    (Thing.INPUT, Differs.REMOVED): gettext_noop("It no longer asks for “{title}”"),
    (Thing.INPUT, Differs.MOVED): gettext_noop("It asks for “{title}” in another place"),
    (Thing.INPUT, Differs.CHANGED): gettext_noop("What it asks for, “{title}”: {field} changed"),
    (Thing.RESULT, Differs.ADDED): gettext_noop("It now gives the result “{title}”"),
    (Thing.RESULT, Differs.REMOVED): gettext_noop("It no longer gives the result “{title}”"),
    (Thing.RESULT, Differs.MOVED): gettext_noop("It gives the result “{title}” in another place"),
    (Thing.RESULT, Differs.CHANGED): gettext_noop("The result “{title}” is made another way"),
}
NAMED = gettext_noop("The workflow is now called “{title}”")
DESCRIBED = gettext_noop("The description of the workflow changed")


def head_differences(old: Definition, new: Definition) -> Iterator[Difference]:
    if old.name != new.name:
        names = {"title": new.name}
        yield Difference(Differs.RENAMED, Thing.WORKFLOW, NAMED, names, "", "name", old.name, new.name)
    if old.description != new.description:
        held = old.description or MISSING, new.description or MISSING
        yield Difference(Differs.CHANGED, Thing.WORKFLOW, DESCRIBED, {}, "", "description", *held)


def input_differences(old: Definition, new: Definition) -> Iterator[Difference]:
    yield from _named(Thing.INPUT, "inputs", _inputs(old), _inputs(new))


def result_differences(old: Definition, new: Definition) -> Iterator[Difference]:
    yield from _named(Thing.RESULT, "output", old.output, new.output)


def _inputs(definition: Definition) -> dict[str, Any]:
    return {
        name: asked.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, asked in definition.inputs.items()
    }


def _named(thing: Thing, place: str, old: Named, new: Named) -> Iterator[Difference]:
    away = places.moved([name for name in old if name in new], [name for name in new if name in old])
    for name in old:
        if name not in new:
            yield _one(thing, Differs.REMOVED, (place, name), old[name], before=old[name])
    for name, value in new.items():
        if name not in old:
            yield _one(thing, Differs.ADDED, (place, name), value, after=value)
            continue
        if name in away:
            yield _one(thing, Differs.MOVED, (place, name), value)
        yield from _changed(thing, (place, name), old[name], value)


def _changed(thing: Thing, place: tuple[str, str], old: Any, new: Any) -> Iterator[Difference]:
    if thing is Thing.INPUT:
        for change in changes(old, new):
            field = field_title(change.place, None)
            yield _one(thing, Differs.CHANGED, (*place, *change.place), new, change.before, change.after, field=field)
    elif not same(old, new):
        yield _one(thing, Differs.CHANGED, place, new, old, new)


def _one(
    thing: Thing,
    deed: Differs,
    place: tuple[str, ...],
    value: Any,
    before: Any = MISSING,
    after: Any = MISSING,
    **names: str,
) -> Difference:
    titled = value.get("title") if thing is Thing.INPUT else ""
    names = {"title": titled or spoken(place[1]), **names}
    return Difference(deed, thing, SENTENCES[thing, deed], names, "", ".".join(place), before, after)
