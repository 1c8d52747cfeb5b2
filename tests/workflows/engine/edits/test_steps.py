"""Edits of steps: where they land, what they are called, and what follows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.engine.edits.drawing import KINDS, after, branch, drawn, each, loaded, place, say
from workflows.engine import edits
from workflows.engine.definition import dump
from workflows.engine.edits import BadEdit


def move(steps: list[str], to: dict[str, Any]) -> dict[str, Any]:
    return {"do": "move", "steps": steps, "place": to}


@pytest.mark.parametrize(
    ("steps", "to", "drawing"),
    [
        (["a"], place(2), "b a c each[d e]"),
        (["a"], place(0), "a b c each[d e]"),
        (["a"], place(1), "a b c each[d e]"),
        (["a"], place(None), "b c each[d e] a"),
        (["a"], place(99), "b c each[d e] a"),
        (["c"], place(0), "c a b each[d e]"),
        (["a", "b"], place(3), "c a b each[d e]"),
        (["b", "a"], place(3), "c a b each[d e]"),
        (["a", "b"], place(1), "a b c each[d e]"),
        (["b"], place(1, "each", "steps"), "a c each[d b e]"),
        (["e"], place(0), "e a b c each[d]"),
        (["d", "e"], place(None), "a b c each[] d e"),
        (["each"], place(0), "each[d e] a b c"),
    ],
)
def test_steps_move_to_the_place_that_is_named(steps: list[str], to: dict[str, Any], drawing: str) -> None:
    definition = loaded(say("a"), say("b"), say("c"), each("each", say("d"), say("e")))

    assert drawn(after(definition, move(steps, to))) == drawing


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (move(["each"], place(0, "each", "steps")), "moved into itself"),
        (move(["a", "d"], place(0)), "do not stand one after the other"),
        (move(["a", "each"], place(0)), "do not stand one after the other"),
        (move(["a"], place(0, "each", "rescue")), "has no place “rescue”"),
        (move(["a"], place(0, "nobody", "steps")), "no step “nobody”"),
        ({"do": "add", "kind": "no.such"}, "no kind of step called “no.such”"),
        ({"do": "add", "kind": "text.compose", "id": "a"}, "“a” already"),
        ({"do": "rename", "step": "a", "id": "or"}, "word of the template language"),
        ({"do": "change", "step": "a", "field": "retry", "value": {"attempts": 99}}, "cannot be the value of retry"),
        ({"do": "change", "step": "a", "field": "id", "value": "x"}, "not a change that can be made"),
        ({"do": "change", "step": "a", "field": "with.list.7", "value": 1}, "no item “7”"),
        ({"do": "paste", "nodes": [{"id": "A B", "kind": "text.compose"}]}, "not a step"),
        ({"do": "remove", "steps": []}, "not a change that can be made"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(edit: dict[str, Any], message: str) -> None:
    listed = {**say("a"), "with": {"text": "x", "list": [1]}}
    definition = loaded(listed, say("b"), each("each", say("d")))

    with pytest.raises(BadEdit, match=message):
        after(definition, edit)


def test_the_definition_before_stays_as_it_was() -> None:
    definition = loaded(say("a"), each("each", say("b")))
    before = dump(definition)

    after(definition, {"do": "rename", "step": "b", "id": "c"}, {"do": "remove", "steps": ["a"]})

    assert dump(definition) == before


def test_a_new_container_comes_with_its_sequences() -> None:
    made = after(
        loaded(),
        *({"do": "add", "kind": f"flow.{kind}"} for kind in ("branch", "parallel", "attempt", "loop", "for_each")),
    )

    assert drawn(made) == (
        "branch[otherwise() cases.0()] do_at_the_same_time[arms.0() arms.1()] try_and_rescue[steps() rescue()] "
        "repeat[] for_each[]"
    )


def test_otherwise_comes_into_being_when_something_is_put_there() -> None:
    made = after(loaded(say("a"), branch("b", [])), move(["a"], place(0, "b", "otherwise")))

    assert drawn(made) == "b[otherwise(a) cases.0()]"


def test_pasted_steps_get_free_ids_and_their_references_follow_while_others_stay() -> None:
    nodes = [say("a"), each("each", say("b", "{{ steps.a.text }} {{ steps.far.text }}"))]
    made = after(loaded(say("far"), *nodes), {"do": "paste", "nodes": nodes})

    assert drawn(made) == "far a each[b] a_2 each_2[b_2]"
    assert made.steps[4].steps is not None
    assert made.steps[4].steps[0].given == {"text": "{{ steps.a_2.text }} {{ steps.far.text }}"}


def test_a_duplicate_stands_behind_with_a_title_of_its_own() -> None:
    made = after(loaded(say("a", title="Draft"), say("b")), *[{"do": "duplicate", "step": "a"}] * 2)

    assert drawn(made) == "a a_3 a_2 b"
    assert [node.title for node in made.steps] == ["Draft", "Draft 3", "Draft 2", ""]


def test_swapped_steps_keep_the_ids_that_others_refer_to() -> None:
    definition = loaded(say("a"), say("b"), say("c", "{{ steps.a.text }}"))
    nodes = [say("a", "new"), say("c", "{{ steps.a.text }}")]

    made = after(definition, {"do": "swap", "steps": ["a", "b"], "nodes": nodes})

    assert drawn(made) == "a c_2 c"
    assert [node.given["text"] for node in made.steps] == ["new", "{{ steps.a.text }}", "{{ steps.a.text }}"]


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        ("title", "Draft", {"title": "Draft"}),
        ("with", {"text": "y"}, {"with": {"text": "y"}}),
        ("with.text", "y", {"with": {"text": "y"}}),
        ("with.deep.list", [{"name": "n"}], {"with": {"text": "x", "deep": {"list": [{"name": "n"}]}}}),
        ("when", {"all": []}, {"when": {"all": []}}),
        ("retry", {"attempts": 2}, {"retry": {"attempts": 2}}),
        ("timeout_s", 60, {"timeout_s": 60}),
        ("on_error", "continue", {"on_error": "continue"}),
        ("off", True, {"off": True}),
        ("off", None, {}),
        ("saved", "polite-tone@3", {"saved": "polite-tone@3"}),
    ],
)
def test_one_field_changes(field: str, value: Any, written: dict[str, Any]) -> None:
    made = after(loaded(say("a")), {"do": "change", "step": "a", "field": field, "value": value})

    assert dump(made)["steps"] == [{**say("a"), **written}]


def test_a_parameter_is_taken_out() -> None:
    made = after(loaded(say("a")), {"do": "change", "step": "a", "field": "with.text"})

    assert made.steps[0].given == {}


def test_one_field_of_several_steps_changes_at_once_wherever_they_stand() -> None:
    definition = loaded(say("a"), each("each", say("b"), say("c")))
    made = after(definition, {"do": "change_each", "steps": ["a", "c"], "field": "on_error", "value": "ask"})

    assert {node.id: node.on_error for node in made.nodes()} == {"a": "ask", "each": "stop", "b": "stop", "c": "ask"}
    with pytest.raises(BadEdit, match="gone"):
        after(definition, {"do": "change_each", "steps": ["a", "gone"], "field": "on_error", "value": "ask"})
    with pytest.raises(BadEdit, match="not a change that can be made"):
        after(definition, {"do": "change_each", "steps": ["a"], "field": "title", "value": "Same"})


def test_a_place_inside_a_parameter_changes() -> None:
    fields = [{"name": "one"}, {"name": "two"}]
    definition = loaded({"id": "a", "kind": "ai.extract", "with": {"fields": fields}})

    made = after(
        definition,
        {"do": "change", "step": "a", "field": "with.fields.1.name", "value": "zwei"},
        {"do": "change", "step": "a", "field": "with.fields.2.name", "value": "three"},
        {"do": "change", "step": "a", "field": "with.fields.0", "value": None},
    )

    assert made.steps[0].given == {"fields": [{"name": "zwei"}, {"name": "three"}]}


def test_removing_leaves_references_for_the_problems() -> None:
    made = after(
        loaded(say("a"), each("each", say("b")), say("c", "{{ steps.b.text }}")), {"do": "remove", "steps": ["a", "b"]}
    )

    assert drawn(made) == "each[] c"
    assert made.steps[1].given["text"] == "{{ steps.b.text }}"


def test_a_workflow_does_not_grow_beyond_what_can_be_loaded() -> None:
    definition = loaded(*(say(f"s{number}") for number in range(500)))

    with pytest.raises(BadEdit, match="501 steps"):
        after(definition, {"do": "duplicate", "step": "s1"})


def test_every_edit_is_said_in_a_sentence() -> None:
    definition = loaded(say("a", title="Draft"), branch("b", [say("c", title="Send")]), inputs={"name": {}})
    made: list[tuple[dict[str, Any], str]] = [
        ({"do": "add", "kind": "ai.write", "place": place(1)}, "Added “Write a text” after “Draft”"),
        ({"do": "add", "kind": "ai.write", "place": place(0)}, "Added “Write a text” at the start"),
        ({"do": "paste", "nodes": [say("x"), say("y")]}, "Pasted 2 steps after “Branch”"),
        (move(["a"], place(0, "b", "cases.0")), "Moved “Draft” into “Branch”"),
        (move(["c"], place(1)), "Moved “Send” after “Draft”"),
        ({"do": "remove", "steps": ["a", "c"]}, "Deleted 2 steps"),
        ({"do": "duplicate", "step": "a"}, "Duplicated “Draft”"),
        ({"do": "swap", "steps": ["a"], "nodes": [say("x", title="X")]}, "Replaced “Draft” with “X”"),
        ({"do": "change", "step": "a", "field": "with.text", "value": "y"}, "Changed “Text” of “Draft”"),
        ({"do": "change", "step": "a", "field": "off", "value": True}, "Switched “Draft” off"),
        ({"do": "change_each", "steps": ["a", "b"], "field": "off", "value": False}, "Switched 2 steps on"),
        (
            {"do": "change_each", "steps": ["a", "b"], "field": "on_error", "value": "ask"},
            "Changed what happens after a failure of 2 steps",
        ),
        ({"do": "change", "step": "a", "field": "title", "value": "D"}, "Gave “Draft” the title “D”"),
        ({"do": "change", "step": "a", "field": "when"}, "Removed the condition of “Draft”"),
        ({"do": "rename", "step": "a", "id": "z"}, "Changed the id of “Draft” from a to z"),
        ({"do": "wrap", "steps": ["a"], "kind": "flow.loop"}, "Put “Draft” into “Repeat”"),
        ({"do": "unwrap", "step": "b"}, "Took the steps out of “Branch”"),
        ({"do": "add_way", "step": "b", "title": "Else"}, "Added a way “Else” to “Branch”"),
        ({"do": "set_input", "name": "name"}, "Changed the input “name”"),
        ({"do": "set_input", "name": "other"}, "Added the input “other”"),
        ({"do": "describe", "name": "Sorting"}, "Renamed the workflow to “Sorting”"),
        ({"do": "change", "step": "gone", "field": "title", "value": "D"}, "Gave “gone” the title “D”"),
    ]

    assert [edits.said(definition, edit, KINDS) for edit, _ in made] == [sentence for _, sentence in made]
