"""A part of a workflow that runs by itself."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.cutting import Extent, Part, cut, needs
from workflows.engine.definition import Definition, Node, load
from workflows.runtime.kinds import kinds


def text(id: str, said: str = "x", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": said}, **more}


PRESS = load(
    {
        "name": "Press",
        "inputs": {"article": {"type": "text"}, "tone": {"type": "text"}},
        "steps": [
            text("first", "{{ inputs.article }}"),
            {
                "id": "route",
                "kind": "flow.branch",
                "cases": [
                    {
                        "when": {"value": "{{ steps.first.text }}", "is": "equal", "to": "a"},
                        "steps": [text("a1"), text("a2", "{{ steps.a1.text }} {{ inputs.tone }}"), text("a3")],
                    },
                    {"when": {"value": "1", "is": "equal", "to": "1"}, "steps": [text("b1")]},
                ],
            },
            {
                "id": "each",
                "kind": "flow.for_each",
                "with": {"items": ["1", "2"], "as": "town"},
                "steps": [text("i1", "{{ town }}"), text("i2", "{{ steps.i1.text }}")],
            },
            {
                "id": "attempt",
                "kind": "flow.attempt",
                "steps": [text("t1"), text("t2")],
                "rescue": [text("r1", "{{ failure.error }}")],
            },
            text("last"),
        ],
        "output": {"said": "{{ steps.last.text }}"},
    }
)


def shape(steps: list[Node]) -> list[Any]:
    """Ids; a container as [id, sequence, …]."""
    return [[n.id, *(shape(held) for _, held in n.sequences())] if any(n.sequences()) else n.id for n in steps]


def part(extent: Extent, step: str) -> Definition:
    return cut(PRESS, Part(extent, step), kinds())


EACH = ["each", ["i1", "i2"]]
ATTEMPT = ["attempt", ["t1", "t2"], ["r1"]]
ROUTE = ["route", ["a1", "a2", "a3"], ["b1"]]
CUTS = [
    (Extent.ONLY, "a2", ["a2"]),
    (Extent.ONLY, "route", [ROUTE]),
    (Extent.FROM, "first", ["first", ROUTE, EACH, ATTEMPT, "last"]),
    (Extent.FROM, "a2", ["a2", "a3", EACH, ATTEMPT, "last"]),
    (Extent.FROM, "i2", ["i2"]),
    (Extent.FROM, "t2", [["attempt", ["t2"], ["r1"]], "last"]),
    (Extent.FROM, "r1", ["r1", "last"]),
    (Extent.FROM, "last", ["last"]),
    (Extent.UP_TO, "first", ["first"]),
    (Extent.UP_TO, "a2", ["first", ["route", ["a1", "a2"], ["b1"]]]),
    (Extent.UP_TO, "i2", ["first", ROUTE, EACH]),
    (Extent.UP_TO, "t1", ["first", ROUTE, EACH, ["attempt", ["t1"], ["r1"]]]),
]


@pytest.mark.parametrize(("extent", "step", "left"), CUTS)
def test_a_part_holds_just_the_steps_that_belong_to_it(extent: Extent, step: str, left: list[Any]) -> None:
    assert shape(part(extent, step).steps) == left


def test_the_whole_is_the_definition_itself() -> None:
    assert cut(PRESS, Part(), kinds()) is PRESS


@pytest.mark.parametrize("extent", [Extent.ONLY, Extent.FROM, Extent.UP_TO])
def test_every_part_of_every_step_is_a_workflow_that_loads(extent: Extent) -> None:
    for node in PRESS.nodes():
        found = part(extent, node.id)

        assert load(found.model_dump(by_alias=True, exclude_defaults=True) | {"format": 1}) == found


def test_a_part_asks_only_for_the_inputs_that_it_uses() -> None:
    assert list(part(Extent.ONLY, "a2").inputs) == ["tone"]
    assert list(part(Extent.UP_TO, "a2").inputs) == ["article", "tone"]
    assert list(part(Extent.ONLY, "last").inputs) == []


def test_a_part_names_what_it_needs_and_does_not_hold() -> None:
    wanted = needs(part(Extent.ONLY, "i1").steps)
    assert (wanted.inputs, wanted.steps, wanted.names) == (frozenset(), frozenset(), frozenset({"town"}))

    wanted = needs(part(Extent.FROM, "a2").steps)
    assert (wanted.inputs, wanted.steps) == (frozenset({"tone"}), frozenset({"a1"}))


def test_the_tested_step_runs_whatever_its_condition_says_and_though_it_is_off() -> None:
    never = {"value": "1", "is": "equal", "to": "2"}
    definition = load({"name": "N", "steps": [text("one", when=never, off=True), text("two", when=never)]})

    (only,) = cut(definition, Part(Extent.ONLY, "one"), kinds()).steps
    first, second = cut(definition, Part(Extent.FROM, "one"), kinds()).steps

    assert (only.when, only.off, first.when, first.off, second.when) == (None, False, None, False, never)


def test_a_step_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        part(Extent.ONLY, "nobody")


def test_a_part_is_written_and_read_without_loss() -> None:
    for one in (Part(), Part(Extent.ONLY, "a2"), Part(Extent.UP_TO, "last")):
        assert Part.read(str(one)) == one
