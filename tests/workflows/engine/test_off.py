"""Steps that are switched off: their problems block nothing, and whoever refers to them is told."""

from __future__ import annotations

from typing import Any

from connectors.sdk.registry import discover
from workflows.engine import definition as definitions
from workflows.engine.problems import problems, running, warnings

KINDS = discover("workflows.steps", "connectors.catalog")


def compose(id: str, text: str | None = "x", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {} if text is None else {"text": text}, **rest}


def loaded(*steps: dict[str, Any], **rest: Any) -> definitions.Definition:
    return definitions.load({"format": 1, "name": "Any", "steps": list(steps), **rest})


def test_off_is_left_out_of_what_is_written_unless_it_is_set() -> None:
    on, off = loaded(compose("a")), loaded(compose("a", off=True, saved="polite-tone@3"))

    assert "off" not in definitions.dump(on)["steps"][0]
    assert definitions.dump(off)["steps"][0] == compose("a", off=True, saved="polite-tone@3")


def test_the_problems_of_a_step_that_is_off_and_of_what_it_holds_block_nothing() -> None:
    inside = {"id": "each", "kind": "flow.for_each", "with": {}, "steps": [compose("inner", None)]}

    assert problems(loaded({**inside, "off": True}, compose("b", None, off=True)), KINDS) == []
    assert [p.step for p in problems(loaded(inside, compose("b", None)), KINDS)] == ["each", "inner", "b"]


def test_an_id_that_is_there_twice_is_a_problem_even_of_a_step_that_is_off() -> None:
    twice = loaded(compose("a"), compose("a", off=True))

    assert [(p.step, p.field) for p in problems(twice, KINDS)] == [("a", "id")]


def test_who_refers_to_a_step_that_is_off_is_warned_and_not_blocked() -> None:
    attempt = {"id": "try", "kind": "flow.attempt", "off": True, "steps": [compose("inner")]}
    refers = compose("b", "{{ steps.a.text }} {{ steps.inner.text }}")
    definition = loaded(compose("a", off=True), attempt, refers, output={"said": "{{ steps.a.text }}"})

    assert problems(definition, KINDS) == []
    assert [str(warning) for warning in warnings(definition, KINDS)] == [
        'b: with.text: The step "a" is switched off and gives nothing.',
        'b: with.text: The step "inner" is switched off and gives nothing.',
        'output.said: The step "a" is switched off and gives nothing.',
    ]


def test_a_run_comes_to_no_step_that_is_off_and_to_none_inside_one() -> None:
    attempt = {"id": "try", "kind": "flow.attempt", "off": True, "steps": [compose("inner")]}

    assert [node.id for node in running(loaded(attempt, compose("b"), compose("c", off=True)))] == ["b"]
