"""As few swaps as possible lead from one state of the column to the next, and always to the right one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.engine.definition import load
from workflows.pages.build.changes import Swap, changes
from workflows.pages.build.column import Column, column_of


def column(*steps: Any, **more: Any) -> Column:
    return column_of(load({"format": 1, "name": "Mentions", "steps": [node(step) for step in steps], **more}))


def node(step: Any) -> dict[str, Any]:
    """`"a"` is a plain step; `("each", ["a", "b"])` one that repeats others."""
    if isinstance(step, str):
        return {"id": step, "kind": "text.compose", "title": step.upper(), "with": {"text": "x"}}
    name, held = step
    return {"id": name, "kind": "flow.loop", "with": {"times": 2}, "steps": [node(each) for each in held]}


def said(swaps: list[Swap] | None) -> list[str]:
    assert swaps is not None
    return [f"{swap.do} {swap.step.id if swap.step else swap.id}".strip() for swap in swaps]


def test_nothing_is_swapped_when_nothing_has_changed():
    assert changes(column("a", ("each", ["b"])), column("a", ("each", ["b"]))) == []


def test_a_changed_title_swaps_one_card():
    old, new = {"id": "a", "kind": "ai.write"}, {"id": "a", "kind": "ai.write", "title": "Answer"}

    swaps = changes(column_of(load({"name": "W", "steps": [old]})), column_of(load({"name": "W", "steps": [new]})))

    assert said(swaps) == ["head a"]


def test_a_new_step_comes_behind_the_one_before_it():
    swaps = changes(column("a", "c"), column("a", "b", "c"))

    assert said(swaps) == ["new b"]
    assert swaps
    assert swaps[0].after == "step-a"


def test_the_first_step_of_a_sequence_comes_first_inside_it():
    swaps = changes(column(("each", [])), column(("each", ["a"])))

    assert swaps is not None
    assert [swap.first_in for swap in swaps if swap.do == "new"] == ["seq-each-steps"]


def test_what_moves_is_gone_before_it_comes_again():
    swaps = changes(column("a", ("each", ["b"])), column(("each", ["b", "a"])))

    assert said(swaps) == ["gone step-a", "head each", "new a"] or said(swaps) == ["gone step-a", "new a"]


def test_another_result_swaps_the_ends():
    assert said(changes(column("a"), column("a", output={"text": "x"}))) == ["ends"]


def test_more_than_a_screenful_of_swaps_draws_everything_again():
    many = [f"step_{number}" for number in range(60)]

    assert changes(column(), column(*many)) is None


def tree(depth: int = 2) -> st.SearchStrategy[list[Any]]:
    """Sequences of steps with ids that are used once; some are containers."""
    return st.permutations([f"s{number}" for number in range(8)]).flatmap(lambda ids: shapes(ids))


def shapes(ids: list[str]) -> st.SearchStrategy[list[Any]]:
    cuts = st.lists(st.integers(0, len(ids)), min_size=2, max_size=2)
    return cuts.map(lambda at: _shaped(ids, *sorted(at)))


def _shaped(ids: list[str], one: int, other: int) -> list[Any]:
    return [*ids[:one], ("box", [*ids[one:other]]), *ids[other : other + 2]]


@given(tree(), tree())
def test_the_swaps_lead_to_the_new_column(before: list[Any], after: list[Any]):
    old, new = column(*before), column(*after)

    swaps = changes(old, new)

    assert swaps is None or played(old, swaps) == shape(new)


def shape(shown: Column) -> list[Any]:
    return [_shape(step) for step in shown.steps]


def _shape(step: Any) -> Any:
    return (step.id, [[_shape(each) for each in way.steps] for way in step.ways])


class Page:
    """What a browser would show: lists of steps by the id of their element."""

    def __init__(self, shown: Column) -> None:
        self.lists: dict[str, list[Any]] = {"seq": []}
        for step in shown.steps:
            self.put("seq", len(self.lists["seq"]), step)

    def put(self, place: str, at: int, step: Any) -> None:
        self.lists[place].insert(at, step.id)
        for way in step.ways:
            self.lists[f"seq-{way.key}"] = []
            for index, each in enumerate(way.steps):
                self.put(f"seq-{way.key}", index, each)

    def place_of(self, step_id: str) -> tuple[str, int]:
        return next((place, ids.index(step_id)) for place, ids in self.lists.items() if step_id in ids)

    def take(self, step_id: str) -> None:
        place, at = self.place_of(step_id)
        del self.lists[place][at]
        for inside in [name for name in self.lists if name.startswith(f"seq-{step_id}-")]:
            for each in list(self.lists[inside]):
                self.take(each)
            del self.lists[inside]

    def shape(self, place: str = "seq") -> list[Any]:
        return [
            (step, [self.shape(inside) for inside in self.lists if inside.startswith(f"seq-{step}-")])
            for step in self.lists[place]
        ]


def played(old: Column, swaps: list[Swap]) -> list[Any]:
    page = Page(old)
    for swap in swaps:
        if swap.do == "gone":
            page.take(swap.id.removeprefix("step-"))
        elif swap.do == "whole":
            place, at = page.place_of(swap.step.id)
            page.take(swap.step.id)
            page.put(place, at, swap.step)
        elif swap.do == "new":
            place, at = (swap.first_in, 0) if swap.first_in else page.place_of(swap.after.removeprefix("step-"))
            page.put(place, at if swap.first_in else at + 1, swap.step)
    return page.shape()


@pytest.mark.parametrize("title", ["", "Négative", "<b>"])
def test_a_way_that_is_called_otherwise_swaps_its_caption(title: str):
    def branch(title: str) -> Column:
        case = {"title": title, "when": {"value": "a", "is": "equal", "to": "b"}, "steps": []}
        other = {**case, "title": "Other"}
        return column_of(load({"name": "W", "steps": [{"id": "r", "kind": "flow.branch", "cases": [case, other]}]}))

    swaps = changes(branch("before"), branch(title))

    assert said(swaps) == ["caption"]
