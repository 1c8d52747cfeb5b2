"""Reading definitions: what is taken comes back unchanged, everything else is refused with its place."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.registry import discover
from workflows.engine import definition as definitions
from workflows.engine.definition import BadDefinition
from workflows.engine.problems import problems

KINDS = discover("workflows.steps", "connectors.catalog")
GOOD: dict[str, Any] = {
    "format": 1,
    "name": "Press mention triage",
    "inputs": {"article": {"type": "text", "title": "Article", "class": "public"}},
    "steps": [
        {"id": "tone", "kind": "text.compose", "with": {"text": "{{ inputs.article }}"}},
        {
            "id": "route",
            "kind": "flow.branch",
            "cases": [
                {
                    "when": {"all": [{"value": "{{ steps.tone.text }}", "is": "equal", "to": "negative"}]},
                    "steps": [
                        {"id": "draft", "kind": "text.compose", "with": {"text": "Line one\nLine two: {{ run.date }}"}}
                    ],
                }
            ],
            "otherwise": [],
        },
    ],
    "output": {"tone": "{{ steps.tone.text }}"},
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(GOOD)), **parts}


def step(**parts: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "text.compose", "with": {"text": "x"}, **parts}


def told(raw: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems(definitions.load(raw), KINDS)]


def test_yaml_and_json_lose_nothing() -> None:
    loaded = definitions.load(GOOD)

    assert definitions.from_text(definitions.to_yaml(loaded)) == loaded
    assert definitions.from_text(definitions.to_json(loaded)) == loaded
    assert definitions.load(definitions.dump(loaded)) == loaded
    assert told(GOOD) == []


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_both_forms(text: str) -> None:
    loaded = definitions.load(changed(steps=[step(title=text[:200], **{"with": {"text": text}})]))

    assert definitions.from_text(definitions.to_json(loaded)) == loaded
    assert definitions.from_text(definitions.to_yaml(loaded)) == loaded


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ([], ""),
        ("text", ""),
        ({}, "name"),
        (changed(name=""), "name"),
        (changed(name="   "), "name"),
        (changed(format=2), "format"),
        (changed(steps={}), "steps"),
        (changed(steps=[1]), "steps.0"),
        (changed(steps=[step(id="")]), "steps.0.id"),
        (changed(steps=[step(id="x" * 300)]), "steps.0.id"),
        (changed(steps=[step(id="🙂")]), "steps.0.id"),
        (changed(steps=[step(id="A b")]), "steps.0.id"),
        (changed(steps=[step(kind=7)]), "steps.0.kind"),
        (changed(steps=[step(unknown=1)]), "steps.0.unknown"),
        (changed(steps=[step(timeout_s=0)]), "steps.0.timeout_s"),
        (changed(inputs={"x": {"type": "spell"}}), "inputs.x.type"),
        (changed(extra=1), "extra"),
        (changed(description="a\x00b"), ""),
        (changed(description="\ud800"), ""),
        (changed(output={"n": float("nan")}), ""),
        (changed(output={"n": 2**70}), ""),
    ],
)
def test_what_is_not_a_definition_is_refused_with_its_place(raw: Any, place: str) -> None:
    with pytest.raises(BadDefinition) as refusal:
        definitions.load(raw)

    assert place in refusal.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"name": "x", "name": "y"}',
        '{"name": "x", "description": NaN}',
        '{"name": "x", "output": {"n": 1e400}}',
        '{"name": "x", "output": {"n": -Infinity}}',
        '{"name": "x", "output": {"n": ' + "9" * 5_000 + "}}",
        '{"name": "\\ud800"}',
        '{"name": "a\\u0000b"}',
        "\ufeff{}",
        b"\xff\xfe{\x00}\x00",
        b"\xc3\x28",
        "{" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000,
        "a: &x [1]\nb: *x",
        "name: x\nname: y",
        "!!python/object/apply:os.system ['id']",
        "name: !!binary aGk=",
        "x" * 10_000_000,
        json.dumps({"name": "x", "inputs": {f"k{n}": {} for n in range(1_000)}}),
    ],
    ids=range(23),
)
def test_hostile_text_is_refused_at_once(text: str | bytes) -> None:
    began = time.thread_time()

    with pytest.raises(BadDefinition):
        definitions.from_text(text)

    assert time.thread_time() - began < 3


def test_too_many_steps_and_too_deep_trees_are_refused_with_the_limit() -> None:
    deep: list[dict[str, Any]] = [step(id="leaf")]
    for level in range(9):
        deep = [{"id": f"l{level}", "kind": "flow.attempt", "steps": deep}]

    with pytest.raises(BadDefinition, match="at most 500"):
        definitions.load(changed(steps=[step(id=f"s{n}") for n in range(501)]))
    with pytest.raises(BadDefinition, match="at most 8"):
        definitions.load(changed(steps=deep))


def test_random_damage_is_refused_or_loads_and_never_breaks() -> None:
    dice = random.Random(4)
    whole = json.dumps(GOOD)
    for _ in range(200):
        at = dice.randrange(len(whole))
        damaged = (
            whole[:at]
            + dice.choice(['"', "{", "}", "[", "", "\x00", "1", "null", "🙂"])
            + whole[at + dice.randint(0, 9) :]
        )
        try:
            problems(definitions.from_text(damaged), KINDS)
        except BadDefinition:
            continue


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (changed(steps=[]), ": steps: The workflow has no step yet.".removeprefix(": ")),
        (changed(steps=[step(), step()], output={}), "a: id: 2 steps have this id; each needs its own."),
        (changed(steps=[step(kind="no.such")], output={}), "a: kind: There is no step kind called 'no.such'."),
        (changed(steps=[step(**{"with": {}})], output={}), "a: with.text: “Text” is still empty."),
        (
            changed(steps=[step(**{"with": {"text": "{{ inputs.nothing }}"}})], output={}),
            'a: with.text: The workflow asks for no input called "nothing".',
        ),
        (
            changed(steps=[step(**{"with": {"text": "{{ steps.b.text }}"}}), step(id="b")], output={}),
            'a: with.text: The step "b" does not come before this one.',
        ),
        (
            changed(steps=[step(), step(id="b", **{"with": {"text": "{{ steps.a.txt }}"}})], output={}),
            'b: with.text: The step "a" gives no "txt"; it gives text.',
        ),
        (
            changed(steps=[step(**{"with": {"text": "{{ nobody.x }}"}})], output={}),
            'a: with.text: Nothing is called "nobody" here. Known are inputs, steps, run, department and workflow.',
        ),
        (
            changed(steps=[step(when={"value": "x", "is": "like", "to": 1})], output={}),
            "a: when: 'like' is not an operator",
        ),
        (
            changed(steps=[{"id": "p", "kind": "flow.parallel"}], output={}),
            "p: arms: A step of kind flow.parallel needs arms.",
        ),
        (changed(steps=[step(steps=[])], output={}), "a: steps: A step of kind text.compose holds no steps."),
        (changed(output={"x": "{{ steps.gone.text }}"}), 'output.x: The step "gone" does not exist.'),
    ],
)
def test_each_problem_names_its_step_and_field(raw: dict[str, Any], expected: str) -> None:
    assert [message for message in told(raw) if message.startswith(expected)], told(raw)


def test_steps_inside_items_are_not_seen_from_outside() -> None:
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": ["a"]},
        "steps": [step(id="inner", **{"with": {"text": "{{ item }}"}})],
    }

    assert told(changed(steps=[each], output={"x": "{{ steps.inner.text }}"})) == [
        'output.x: The step "inner" does not come before this one.'
    ]
    assert told(changed(steps=[each], output={"x": "{{ steps.each.results }}"})) == []


def test_the_exported_schema_takes_what_loads_and_refuses_what_does_not() -> None:
    import jsonschema

    schema = definitions.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema).is_valid

    assert valid(GOOD)
    assert valid(definitions.dump(definitions.load(GOOD)))
    assert not valid(changed(steps=[step(id="A b")]))
    assert not valid(changed(extra=1))
