"""Copies of saved steps: where they stand, what they take from outside, and how a newer version comes in."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine import saved
from workflows.engine.definition import Definition, Node, load
from workflows.engine.wording import reworded, words_in
from workflows.runtime.kinds import kinds


def step(id: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **more}


def draft(*steps: dict[str, Any], **more: Any) -> Definition:
    return load({"name": "Any", "steps": list(steps), **more})


def nodes(*steps: dict[str, Any]) -> list[Node]:
    return saved.loaded(steps)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Answer {{ inputs.letter }} as {{ steps.tone.label }}", ["inputs.letter", "steps.tone.label"]),
        ("{{ item }} and {{item}}", ["item", "item"]),
        ('{{ steps.a.b | default: "steps.x.y" }}', ["steps.a.b"]),
        ("{% if inputs.c == steps.a[0].z %}yes{% endif %}", ["inputs.c", "steps.a[0].z"]),
        ("steps.a.b stands in no braces", []),
    ],
)
def test_references_are_found_where_the_language_reads_them(text: str, words: list[str]):
    assert words_in(text) == words


def test_the_longest_known_beginning_of_a_reference_is_put_into_other_words():
    text = '{{ steps.a.text }} {{ steps.a.list[0] }} {{ steps.ab.text }} {{ x | default: "steps.a.text" }}'

    said = reworded(text, {"steps.a": "steps.z", "steps.a.text": "inputs.brief"})

    assert said == '{{ inputs.brief }} {{ steps.z.list[0] }} {{ steps.ab.text }} {{ x | default: "steps.a.text" }}'


def test_copies_of_a_sequence_side_by_side_are_told_apart():
    pair = [step("a", saved="pair@1"), step("b", saved="pair@1#2")]
    again = [step("c", saved="pair@1"), step("d", saved="pair@1#2")]
    alone = step("e", saved="one@4")

    found = saved.copies(draft(*pair, *again, alone, step("f")))

    assert [(copy.slug, copy.number, copy.ids) for copy in found] == [
        ("pair", 1, ["a", "b"]),
        ("pair", 1, ["c", "d"]),
        ("one", 4, ["e"]),
    ]


def test_a_step_inside_a_saved_container_belongs_to_the_copy():
    definition = draft(
        {"id": "each", "kind": "flow.for_each", "with": {"items": []}, "saved": "all@2", "steps": [step("in")]}
    )

    around = saved.copy_around(definition, "in")

    assert around is not None
    assert around.ids == ["each"]
    assert saved.copy_around(draft(step("free")), "free") is None


def test_needs_are_what_the_steps_take_from_outside_themselves():
    steps = nodes(
        step("own", "{{ inputs.brief }} {{ run.date }} {{ department.name }}"),
        {
            "id": "each",
            "kind": "flow.for_each",
            "with": {"items": "{{ steps.list.items }}", "as": "row"},
            "steps": [step("inner", "{{ row.name }} {{ item_number }} {{ steps.own.text }} {{ other.thing }}")],
        },
        step("last", when={"all": [{"value": "{{ steps.tone.label }}", "is": "equal", "to": "bad"}]}),
    )

    assert saved.needs(steps, kinds()) == ["inputs.brief", "steps.list.items", "other.thing", "steps.tone.label"]


def test_needs_are_called_as_the_workflow_calls_them():
    definition = draft(
        step("first", title="Draft of the answer"),
        step("last", "{{ steps.first.text }} {{ inputs.letter }}"),
        inputs={"letter": {"type": "text", "title": "The letter"}},
    )

    assert saved.needs_titled([definition.steps[1]], definition, kinds()) == [
        {"reference": "inputs.letter", "title": "The letter"},
        {"reference": "steps.first.text", "title": "Draft of the answer ▸ text"},
    ]


def test_the_library_keeps_no_marks_at_any_depth():
    inner = step("in", saved="other@3")
    copy = nodes({"id": "try", "kind": "flow.attempt", "saved": "all@2", "steps": [inner], "rescue": []})

    assert saved.content_of(copy) == [
        {"id": "try", "kind": "flow.attempt", "steps": [step("in")], "rescue": []},
    ]


def test_other_ids_and_filled_in_references_are_no_change():
    version = nodes(step("a", "Dear {{ inputs.name }}"), step("b", "{{ steps.a.text }}!"))
    second = step("b_2", "{{ steps.a_2.text }}!")

    assert not saved.is_changed(version, nodes(step("a_2", "Dear {{ steps.ask.name }}"), second))
    assert saved.is_changed(version, nodes(step("a_2", "Dear {{ steps.ask.name }},"), second))
    assert saved.is_changed(version, nodes(step("a_2", "Dear {{ steps.ask.name }}")))
    assert saved.is_changed(version, nodes(step("a_2", "Dear {{ steps.ask.name }}", off=True), second))


def test_a_newer_version_keeps_ids_fillings_and_what_was_changed_here():
    second = step("b", "{{ steps.a.text }}!")
    old = nodes(step("a", "Dear {{ inputs.name }}", title="Greet"), second)
    new = nodes(step("a", "Hello {{ inputs.name }}", title="Greet"), second, step("c", "{{ steps.b.text }}"))
    changed_here = step("b_2", "{{ steps.a_2.text }}!", off=True)
    here = nodes(step("a_2", "Dear {{ steps.ask.name }}", title="Greet the guest"), changed_here)

    result = saved.renewed(old, new, here, frozenset({"c"}))

    assert saved.dumped(result) == [
        step("a_2", "Hello {{ steps.ask.name }}", title="Greet the guest"),
        changed_here,
        step("c_2", "{{ steps.b_2.text }}"),
    ]


def test_where_both_changed_the_same_field_the_library_wins():
    old, new, here = nodes(step("a", "one")), nodes(step("a", "two")), nodes(step("a", "mine"))

    assert saved.dumped(saved.renewed(old, new, here, frozenset())) == [step("a", "two")]


def test_a_value_called_id_is_no_step():
    old = nodes({"id": "a", "kind": "data.set", "with": {"values": {"id": "a", "kind": "x"}}})
    here = nodes({"id": "b", "kind": "data.set", "with": {"values": {"id": "a", "kind": "x"}}})

    assert not saved.is_changed(old, here)


@pytest.mark.parametrize(
    ("text", "mark"),
    [("tone@3", saved.Mark("tone", 3)), ("tone@3#2", saved.Mark("tone", 3, 2)), ("", None), (None, None)],
)
def test_a_mark_is_read_as_it_is_written(text: str | None, mark: saved.Mark | None):
    assert saved.read_mark(text) == mark
    assert mark is None or str(mark) == text
