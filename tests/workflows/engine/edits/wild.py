"""Edits as nobody would make them: any deed, on any step, with any value; about half of them are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from tests.workflows.engine.edits.drawing import KINDS, branch, each, loaded, say
from workflows.engine.definition import Definition

SEED = loaded(
    say("a", "{{ inputs.one }}"),
    branch(
        "b", [say("c", "{{ steps.a.text }}")], [], otherwise=[each("d", say("e", "{{ item.x }} {{ steps.c.text }}"))]
    ),
    {"id": "f", "kind": "flow.parallel", "arms": [{"steps": [say("g")]}, {"title": "Other", "steps": []}]},
    {"id": "h", "kind": "flow.attempt", "steps": [say("i")], "when": {"all": []}},
    inputs={"one": {}, "two": {"type": "file"}},
    output={"x": "{{ steps.h.error }}", "y": ["{{ steps.a.text }}"]},
)
NEW_IDS = ("new", "a", "b", "in", "x_2")
TEXTS = st.sampled_from(
    ["", "x", "{{ steps.a.text }}", "{% if steps.c.text %}{{ inputs.one }}{% endif %}", "{{ broken"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "all", "attempts"]), inner, max_size=2)
    ),
    max_leaves=5,
)
FIELDS = (
    "title",
    "with",
    "with.text",
    "with.as",
    "with.list.0.x",
    "when",
    "retry",
    "timeout_s",
    "on_error",
    "helper",
    "off",
    "output",
)


@st.composite
def edit_of(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    """One edit for this definition, often one that is possible."""
    make = draw(st.sampled_from(MAKERS))
    return make(draw, definition)


def _step(draw: st.DrawFn, definition: Definition) -> str:
    return draw(st.sampled_from([node.id for node in definition.nodes()] + ["gone"]))


def _steps(draw: st.DrawFn, definition: Definition) -> list[str]:
    """Neighbours mostly, as a person would choose them."""
    found = [definition.steps] + [held for node in definition.nodes() for _, held in node.sequences()]
    sequence = draw(st.sampled_from([held for held in found if held] or [[]]))
    if not sequence:
        return ["gone"]
    start = draw(st.integers(0, len(sequence) - 1))
    return [node.id for node in sequence[start : start + draw(st.integers(1, 3))]]


def _place(draw: st.DrawFn, definition: Definition) -> dict[str, Any]:
    arms = [("", "")] + [(node.id, arm) for node in definition.nodes() for arm, _ in node.sequences()]
    arms += [("b", "otherwise"), ("h", "rescue"), ("gone", "steps")]
    step, arm = draw(st.sampled_from(arms))
    return {"into": {"step": step, "arm": arm}, "at": draw(st.none() | st.integers(0, 5))}


def _add(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    edit = {"do": "add", "kind": draw(st.sampled_from(sorted(KINDS))), "place": _place(draw, definition)}
    return edit | ({"id": draw(st.sampled_from(NEW_IDS))} if draw(st.booleans()) else {})


def _paste(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    nodes = [node.model_dump(by_alias=True, exclude_defaults=True) for node in definition.steps[:2]]
    return {"do": "paste", "nodes": nodes or [say("q")], "place": _place(draw, definition)}


def _swap(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "swap", "steps": _steps(draw, definition), "nodes": [say("a"), say("q", "{{ steps.a.text }}")]}


def _duplicate(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "duplicate", "step": _step(draw, definition)}


def _move(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "move", "steps": _steps(draw, definition), "place": _place(draw, definition)}


def _remove(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "remove", "steps": _steps(draw, definition)}


def _change(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    field = draw(st.sampled_from(FIELDS))
    return {"do": "change", "step": _step(draw, definition), "field": field, "value": draw(VALUES)}


def _change_each(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    field = draw(st.sampled_from(["on_error", "off", "retry"]))
    return {"do": "change_each", "steps": _steps(draw, definition), "field": field, "value": draw(VALUES)}


def _rename(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "rename", "step": _step(draw, definition), "id": draw(st.sampled_from(NEW_IDS))}


def _wrap(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    kind = draw(st.sampled_from(["for_each", "attempt", "loop", "branch", "parallel"]))
    return {"do": "wrap", "steps": _steps(draw, definition), "kind": f"flow.{kind}"}


def _unwrap(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    return {"do": "unwrap", "step": _step(draw, definition)}


def _way(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    way = draw(st.sampled_from(["cases.0", "cases.1", "arms.0", "otherwise", "rescue"]))
    step = _step(draw, definition)
    return draw(
        st.sampled_from(
            [
                {"do": "add_way", "step": step, "title": "More"},
                {"do": "add_way", "step": step, "way": "otherwise"},
                {"do": "change_way", "step": step, "way": way, "title": "Named", "when": {"any": []}},
                {"do": "move_way", "step": step, "way": way, "to": 1},
                {"do": "remove_way", "step": step, "way": way},
            ]
        )
    )


def _value(draw: st.DrawFn, definition: Definition) -> Mapping[str, Any]:
    name = draw(st.sampled_from(["one", "two", "three", "x"]))
    return draw(
        st.sampled_from(
            [
                {"do": "set_input", "name": name, "value": {"type": "date"}},
                {"do": "rename_input", "name": name, "to": "renamed"},
                {"do": "move_input", "name": name, "at": 0},
                {"do": "remove_input", "name": name},
                {"do": "set_result", "name": name, "value": "{{ inputs.one }}"},
                {"do": "rename_result", "name": name, "to": "renamed"},
                {"do": "move_result", "name": name, "at": 1},
                {"do": "remove_result", "name": name},
                {"do": "describe", "name": "Named", "description": "So"},
            ]
        )
    )


MAKERS: tuple[Callable[[st.DrawFn, Definition], Mapping[str, Any]], ...] = (
    *(_add, _paste, _swap, _duplicate, _move, _remove, _change, _change_each, _rename, _wrap, _unwrap, _way, _value),
)
