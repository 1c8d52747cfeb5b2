"""The difference between two definitions: nothing for the same, and every changed leaf in plain words."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.registry import discover
from tests.workflows.engine.edits.wild import SEED, edit_of
from workflows.engine import definition as definitions
from workflows.engine import edits
from workflows.engine.definition import Definition, load
from workflows.engine.differences import MISSING, Difference, differences
from workflows.engine.differences.renames import followed
from workflows.engine.differences.steps import own

KINDS = discover("workflows.steps", "connectors.catalog")

NEGATIVE = {"all": [{"value": "{{ steps.tone.label }}", "is": "equal", "to": "negative"}]}
TRIAGE: dict[str, Any] = {
    "format": 1,
    "name": "Press triage",
    "inputs": {"article": {"title": "Article"}, "outlet": {"title": "Outlet", "required": False}},
    "steps": [
        {
            "id": "tone",
            "kind": "ai.classify",
            "title": "Find the tone",
            "with": {"text": "{{ inputs.article }}", "labels": [{"name": "negative"}, {"name": "neutral"}]},
        },
        {
            "id": "route",
            "kind": "flow.branch",
            "title": "By tone",
            "cases": [
                {
                    "when": NEGATIVE,
                    "steps": [{"id": "draft", "kind": "ai.write", "title": "Draft", "with": {"about": "Answer it"}}],
                }
            ],
            "otherwise": [],
        },
        {"id": "note", "kind": "text.compose", "title": "Note it", "with": {"text": "Done"}},
    ],
    "output": {"tone": "{{ steps.tone.label }}"},
}


def said(change: Callable[[dict[str, Any]], Any]) -> list[str]:
    """What is told of the triage after this change of it."""
    changed = copy.deepcopy(TRIAGE)
    change(changed)
    return [difference.said for difference in differences(load(TRIAGE), load(changed), KINDS)]


def _into_the_branch(raw: dict[str, Any]) -> None:
    raw["steps"][1]["cases"][0]["steps"].append(raw["steps"].pop(2))


def _unwrap(raw: dict[str, Any]) -> None:
    raw["steps"][1:2] = raw["steps"][1]["cases"][0]["steps"]


def _new_way_before(raw: dict[str, Any]) -> None:
    raw["steps"][1]["cases"].insert(0, {"title": "Praise", "when": {"all": []}})


def _ways_turned(raw: dict[str, Any]) -> None:
    _new_way_before(raw)
    raw["steps"][1]["cases"].reverse()


CHANGES: list[tuple[Callable[[dict[str, Any]], Any], list[str]]] = [
    (lambda raw: None, []),
    (lambda raw: raw.update(name="Mentions"), ["The workflow is now called “Mentions”"]),
    (lambda raw: raw.update(description="Sorts."), ["The description of the workflow changed"]),
    (lambda raw: raw["inputs"].pop("outlet"), ["It no longer asks for “Outlet”"]),
    (lambda raw: raw["inputs"].update(date={"type": "date"}), ["It now asks for “date”"]),
    (
        lambda raw: raw["inputs"].update(article=raw["inputs"].pop("article")),
        ["It asks for “Outlet” in another place"],
    ),
    (
        lambda raw: raw["inputs"]["outlet"].pop("required"),
        ["What it asks for, “Outlet”: whether it is needed changed"],
    ),
    (lambda raw: raw["output"].update(note="x"), ["It now gives the result “note”"]),
    (lambda raw: raw["output"].update(tone="x"), ["The result “tone” is made another way"]),
    (lambda raw: raw["output"].clear(), ["It no longer gives the result “tone”"]),
    (
        lambda raw: raw["steps"].append({"id": "end", "kind": "text.compose", "title": "End"}),
        ["“End” was added after “Note it”"],
    ),
    (
        lambda raw: raw["steps"][1]["otherwise"].append({"id": "end", "kind": "text.compose", "title": "End"}),
        ["“End” was added in “By tone” (otherwise), at the beginning"],
    ),
    (lambda raw: raw["steps"].pop(2), ["“Note it” was removed"]),
    (lambda raw: raw["steps"].insert(0, raw["steps"].pop(2)), ["“Note it” was moved to the beginning"]),
    (lambda raw: raw["steps"].append(raw["steps"].pop(0)), ["“Find the tone” was moved and now follows “Note it”"]),
    (_into_the_branch, ["“Note it” was moved in “By tone” (1) and now follows “Draft”"]),
    (_unwrap, ["“By tone” was removed", "“Draft” was moved and now follows “Find the tone”"]),
    (_new_way_before, ["“By tone” has a new way: Praise"]),
    (lambda raw: raw["steps"][1].pop("otherwise"), ["“By tone” has lost a way: otherwise"]),
    (
        lambda raw: raw["steps"][1]["cases"][0].update(title="Bad news"),
        ["“By tone”, way “Bad news”: name changed"],
    ),
    (
        lambda raw: raw["steps"][1]["cases"][0].update(when={"all": []}),
        ["“By tone”, way “1”: condition changed"],
    ),
    (lambda raw: raw["steps"][2].update(title="Keep it"), ["“Note it” is now called “Keep it”"]),
    (
        lambda raw: raw["steps"][2].update(kind="ai.write"),
        ["“Note it” is of another kind: “Write a text” instead of “Compose a text”"],
    ),
    (lambda raw: raw["steps"][2]["with"].update(text="All done"), ["“Note it”: Text changed"]),
    (lambda raw: raw["steps"][2]["with"].clear(), ["“Note it”: Text taken out"]),
    (lambda raw: raw["steps"][2].update(when=NEGATIVE), ["“Note it”: condition filled in"]),
    (lambda raw: raw["steps"][2].update(off=True), ["“Note it” was switched off"]),
    (lambda raw: raw["steps"][2].update(retry={"attempts": 2}), ["“Note it”: tries filled in"]),
    (
        lambda raw: raw["steps"][0]["with"]["labels"][1].update(description="plain"),
        ["“Find the tone”: Labels ▸ neutral ▸ When it applies filled in"],
    ),
    (
        lambda raw: raw["steps"][0]["with"]["labels"].append({"name": "positive"}),
        ["“Find the tone”: Labels ▸ positive filled in"],
    ),
    (lambda raw: raw["steps"][0]["with"]["labels"].reverse(), ["“Find the tone”: order of Labels changed"]),
    (lambda raw: raw["steps"][0].update({"with": dict(reversed(raw["steps"][0]["with"].items()))}), []),
]


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[" ".join(told) or "nothing" for _, told in CHANGES])
def test_each_change_is_a_sentence(change: Callable[[dict[str, Any]], Any], told: list[str]) -> None:
    assert said(change) == told


def test_ways_that_change_places_are_told_as_such() -> None:
    before, after = copy.deepcopy(TRIAGE), copy.deepcopy(TRIAGE)
    _new_way_before(before)
    _ways_turned(after)

    found = differences(load(before), load(after), KINDS)

    assert [each.said for each in found] == ["“By tone”: its ways come in another order"]


def test_switching_a_step_on_again_is_told() -> None:
    off = copy.deepcopy(TRIAGE)
    off["steps"][2]["off"] = True

    found = differences(load(off), load(TRIAGE), KINDS)

    assert [each.said for each in found] == ["“Note it” was switched on again"]


def test_a_changed_field_carries_what_stood_there_before_and_after() -> None:
    changed = copy.deepcopy(TRIAGE)
    changed["steps"][2]["with"]["text"] = "All done"

    (found,) = differences(load(TRIAGE), load(changed), KINDS)

    assert (found.step, found.field, found.before, found.after) == ("note", "with.text", "Done", "All done")


def _renamed_everywhere(raw: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(raw).replace("steps.tone.", "steps.mood.").replace('"id": "tone"', '"id": "mood"'))


def test_a_renamed_step_is_told_once_and_not_for_each_reference_to_it() -> None:
    found = differences(load(TRIAGE), load(_renamed_everywhere(TRIAGE)), KINDS)

    assert [each.said for each in found] == ["“Find the tone” has another short name: mood instead of tone"]


def test_a_renamed_input_is_told_once_too() -> None:
    text = json.dumps(TRIAGE).replace("inputs.article", "inputs.text").replace('"article":', '"text":', 1)

    found = differences(load(TRIAGE), load(json.loads(text)), KINDS)

    assert [each.said for each in found] == [
        "What it asks for, “Article”, has another short name: text instead of article"
    ]


def test_a_renamed_result_is_told_as_such() -> None:
    assert said(lambda raw: raw.update(output={"mood": raw["output"]["tone"]})) == [
        "The result “tone” is now called “mood”"
    ]


def test_braces_in_what_people_wrote_stay_as_they_are() -> None:
    changed = copy.deepcopy(TRIAGE)
    changed["steps"][2]["title"] = "{title.__class__} {0}"

    (found,) = differences(load(TRIAGE), load(changed), KINDS)

    assert found.said == "“Note it” is now called “{title.__class__} {0}”"


# ── any two definitions ──────────────────────────────────────────────────────────────────────────────────────────────

IDS = ("a", "b", "c", "d", "e", "f")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", "{{ steps.a.text }}", "long text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "is", "all", "to"]), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"name": st.sampled_from("xyz")}, optional={"to": inner}), max_size=3)
    ),
    max_leaves=6,
)
CONDITION = st.sampled_from([NEGATIVE, {"any": []}, {"value": "x", "is": "is_empty"}])
OWN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["text.compose", "ai.classify", "flow.branch", "no.such"])},
    optional={
        "title": st.sampled_from(["", "One", "Two"]),
        "with": st.dictionaries(st.sampled_from(["text", "labels", "other"]), VALUES, max_size=3),
        "when": CONDITION,
        "off": st.booleans(),
        "timeout_s": st.sampled_from([5, 6]),
        "on_error": st.sampled_from(["stop", "continue", "ask"]),
        "helper": st.sampled_from([{"role": "manager"}, {"group": "night-desk", "due_hours": 2.0}]),
        "retry": st.fixed_dictionaries({}, optional={"attempts": st.integers(1, 3)}),
        "output": VALUES,
    },
)


@st.composite
def any_definition(draw: st.DrawFn) -> Definition:
    """Up to six steps, nested anyhow."""
    unused = draw(st.permutations(IDS))[: draw(st.integers(0, len(IDS)))]
    named = st.fixed_dictionaries({}, optional={"title": st.sampled_from(["", "T"]), "help": st.just("h")})
    return load(
        {
            "name": draw(st.sampled_from(["N", "M"])),
            "inputs": draw(st.dictionaries(st.sampled_from("pqr"), named, max_size=3)),
            "steps": _sequence(draw, unused, 0),
            "output": draw(st.dictionaries(st.sampled_from("pqr"), VALUES, max_size=3)),
        }
    )


def _sequence(draw: st.DrawFn, unused: list[str], depth: int) -> list[dict[str, Any]]:
    found = []
    while unused and draw(st.integers(0, 3)):
        node = {"id": unused.pop(), **draw(OWN)}
        for name in draw(st.sets(st.sampled_from(["steps", "otherwise", "rescue"]), max_size=2)) if depth < 3 else ():
            node[name] = _sequence(draw, unused, depth + 1)
        if depth < 3 and draw(st.booleans()):
            cases = range(draw(st.integers(0, 2)))
            node["cases"] = [{"when": draw(CONDITION), "steps": _sequence(draw, unused, depth + 1)} for _ in cases]
        if depth < 3 and draw(st.booleans()):
            arms = range(draw(st.integers(0, 2)))
            node["arms"] = [{"steps": _sequence(draw, unused, depth + 1)} for _ in arms]
        found.append(node)
    return found


def meaning(definition: Definition) -> str:
    """The definition as text; two that mean the same are equal."""
    raw = definitions.dump(definition)
    _sort_fields(raw.get("steps", []))
    return json.dumps(raw, sort_keys=False)


def _sort_fields(value: Any) -> None:
    for node in value:
        if "with" in node:
            node["with"] = dict(sorted(node["with"].items()))
        for name in ("steps", "rescue", "otherwise"):
            _sort_fields(node.get(name) or [])
        for part in (*(node.get("cases") or ()), *(node.get("arms") or ())):
            _sort_fields(part.get("steps", []))


@settings(deadline=None)
@given(any_definition())
def test_nothing_differs_from_itself(definition: Definition) -> None:
    assert differences(definition, load(definitions.dump(definition)), KINDS) == ()


@settings(deadline=None)
@given(any_definition(), any_definition())
def test_two_definitions_differ_exactly_where_something_is_told(old: Definition, new: Definition) -> None:
    found = differences(old, new, KINDS)

    assert bool(found) == (meaning(old) != meaning(new))
    assert all(each.said for each in found)


@settings(deadline=None)
@given(any_definition(), any_definition())
def test_every_changed_leaf_is_told(old: Definition, new: Definition) -> None:
    found = differences(old, new, KINDS)

    _renamed, old = followed(old, new, KINDS)
    before, after = ({node.id: node for node in each.nodes()} for each in (old, new))
    for step in before.keys() | after.keys():
        held = (_leaves(own(each[step])) if step in each else Counter() for each in (before, after))
        gone, come = next(held), next(held)
        of_step = [each for each in found if each.step == step]
        assert not (gone - come) - _told(of_step, "before")
        assert not (come - gone) - _told(of_step, "after")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_people_edit_is_told_and_taken_back_there_is_nothing_to_tell(data: st.DataObject) -> None:
    definition = SEED
    for _ in range(data.draw(st.integers(1, 8))):
        edit = data.draw(edit_of(definition))
        try:
            after = edits.apply(definition, edit, KINDS)
        except edits.BadEdit:
            continue
        told = differences(definition, after, KINDS)
        assert bool(told) == (meaning(definition) != meaning(after)), edit
        assert all(each.said for each in told)
        definition = after

    assert bool(differences(SEED, definition, KINDS)) == (meaning(SEED) != meaning(definition))
    assert bool(differences(definition, SEED, KINDS)) == (meaning(SEED) != meaning(definition))


def _told(found: list[Difference], side: str) -> Counter[str]:
    leaves: Counter[str] = Counter()
    for each in found:
        leaves += _leaves(getattr(each, side))
    return leaves


def _leaves(value: Any) -> Counter[str]:
    return Counter(_texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not MISSING:
        yield json.dumps(value)
