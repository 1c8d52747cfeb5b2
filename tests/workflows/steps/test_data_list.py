from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.sdk import BadParams, Done
from workflows.engine import conditions
from workflows.engine.definition import load
from workflows.engine.problems import problems
from workflows.steps.data_list import MISSING, WorkOnList, in_order, split, unique, value_at

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)

ARTICLES = [
    {"title": "Late", "score": 3, "author": {"name": "Bo"}},
    {"title": "early", "score": 12, "author": {"name": "ann"}},
    {"title": "Never", "author": {"name": "Cy"}},
    {"title": "Even", "score": 3, "author": {"name": "Dee"}},
]


AT_LEAST_2 = {"value": "{{ item.score }}", "is": "at_least", "to": 2}


class Judge:
    """A step context that can only judge, with the engine's own conditions."""

    def holds(self, condition: Any, **names: Any) -> bool:
        return conditions.holds(condition, names)


def work(operation: str, items: Any, **params: Any) -> Any:
    outcome = WorkOnList().run(WorkOnList.Params(operation=operation, items=items, **params), ctx=Judge())
    assert isinstance(outcome, Done)
    return outcome.output.items


@pytest.mark.parametrize(
    ("operation", "items", "params", "left"),
    [
        ("filter", [{"score": 1}, {"score": 5}], {"where": AT_LEAST_2}, [{"score": 5}]),
        ("filter", [], {"where": AT_LEAST_2}, []),
        ("filter", None, {"where": AT_LEAST_2}, []),
        ("sort", [3, 1, 2], {}, [1, 2, 3]),
        ("sort", [3, 1, 2], {"descending": True}, [3, 2, 1]),
        ("limit", ["a", "b", "c"], {"limit": 2}, ["a", "b"]),
        ("limit", ["a"], {"limit": 5}, ["a"]),
        ("limit", ["a"], {"limit": 0}, []),
        ("limit", ["a", "b"], {"limit": "1"}, ["a"]),
        ("unique", ["a", "b", "a"], {}, ["a", "b"]),
        ("split", "one\n\n  two \nthree", {}, ["one", "two", "three"]),
        ("split", None, {}, []),
    ],
)
def test_each_operation_gives_the_list_it_promises(
    operation: str, items: Any, params: dict[str, Any], left: list[Any]
) -> None:
    assert work(operation, items, **params) == left


def test_the_number_of_items_comes_with_them() -> None:
    outcome = WorkOnList().run(WorkOnList.Params(operation="limit", items=[1, 2, 3], limit=2), ctx=Judge())

    assert outcome == Done(WorkOnList.Output(items=[1, 2], count=2), summary="2 items")


def test_the_item_that_cannot_be_judged_is_named_by_its_number() -> None:
    with pytest.raises(BadParams) as refused:
        work("filter", [{"score": 3}, {"title": "no score"}], where=AT_LEAST_2)

    assert refused.value.message == 'Item 2 of the list could not be judged: There is no "score" in item.'


@pytest.mark.parametrize(
    ("by", "descending", "titles"),
    [
        ("score", False, ["Late", "Even", "early", "Never"]),
        ("score", True, ["early", "Late", "Even", "Never"]),
        ("title", False, ["early", "Even", "Late", "Never"]),
        ("author.name", False, ["early", "Late", "Never", "Even"]),
        ("no.such.place", True, ["Late", "early", "Never", "Even"]),
    ],
)
def test_sorting_follows_a_path_keeps_equals_as_they_came_and_puts_missing_fields_last(
    by: str, descending: bool, titles: list[str]
) -> None:
    assert [article["title"] for article in in_order(ARTICLES, by, descending=descending)] == titles


def test_mixed_types_sort_in_one_order_however_they_came() -> None:
    order: list[Any] = [-1, 2.5, 10, "10", "9", "apple", "Zoo", False, True, [1], [1, 0], {"a": 1}]

    for start in range(len(order)):
        turned = order[start:] + order[:start]
        assert repr(in_order(turned[::-1])) == repr(order)


@given(st.lists(JSON, max_size=12))
def test_no_list_of_json_values_makes_sorting_fail_or_lose_an_item(items: list[Any]) -> None:
    up = in_order(items)

    assert sorted(map(repr, up)) == sorted(map(repr, items))
    assert [repr(item) for item in in_order(up)] == [repr(item) for item in up]


def test_a_number_that_is_none_comes_before_all_numbers() -> None:
    assert [str(item) for item in in_order([1, math.nan, -math.inf])] == ["nan", "-inf", "1"]


@pytest.mark.parametrize(
    ("items", "by", "left"),
    [
        ([1, 1.0, True, "1", 1], "", [1, True, "1"]),
        (["a", "A"], "", ["a", "A"]),
        ([{"a": 1}, {"a": 1}, {"a": 2}], "", [{"a": 1}, {"a": 2}]),
        ([{"u": "x", "n": 1}, {"u": "x", "n": 2}, {"u": "y", "n": 3}], "u", [{"u": "x", "n": 1}, {"u": "y", "n": 3}]),
        ([{"n": 1}, {"n": 2}, {"u": None}], "u", [{"n": 1}, {"n": 2}, {"u": None}]),
    ],
)
def test_unique_keeps_the_first_of_each_value_and_every_item_without_one(
    items: list[Any], by: str, left: list[Any]
) -> None:
    assert repr(unique(items, by)) == repr(left)


@pytest.mark.parametrize(
    ("text", "separator", "parts"),
    [
        ("a, b,,c ", ",", ["a", "b", "c"]),
        ("one\r\ntwo\n", "", ["one", "two"]),
        ("a.b", ";", ["a.b"]),
        ("  ", "", []),
        ("first\n\nsecond\nstill", "\n\n", ["first", "second\nstill"]),
    ],
)
def test_a_text_is_split_into_its_parts_without_the_empty_ones(text: str, separator: str, parts: list[str]) -> None:
    assert split(text, separator) == parts


@pytest.mark.parametrize(
    ("path", "value"),
    [("", {"rows": [{"n": 1}]}), ("rows.0.n", 1), ("rows. 0 .n", 1)],
)
def test_a_path_leads_through_mappings_and_lists(path: str, value: Any) -> None:
    assert value_at({"rows": [{"n": 1}]}, path) == value


@pytest.mark.parametrize("path", ["rows.1", "rows.-1", "rows.first", "none", "rows.0.n.deep", "rows.²"])
def test_a_path_that_leads_nowhere_is_missing(path: str) -> None:
    assert value_at({"rows": [{"n": 1}]}, path) is MISSING


@pytest.mark.parametrize(
    ("operation", "items", "sentence"),
    [
        ("sort", "a, b", "This is a text, not a list. To make a list from a text, choose split."),
        ("sort", 3, "This is a number, not a list."),
        ("unique", {"a": 1}, "This is a mapping, not a list."),
        ("split", ["a"], "Only a text can be split; this is a list."),
    ],
)
def test_what_is_no_list_is_said_to_be_what_it_is(operation: str, items: Any, sentence: str) -> None:
    with pytest.raises(BadParams) as refused:
        work(operation, items)

    assert (refused.value.message, refused.value.fields) == (sentence, {"items": sentence})


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ({"operation": "filter", "items": "{{ inputs.a }}"}, {"where": "To filter a list, say a condition."}),
        ({"operation": "limit", "items": "{{ inputs.a }}"}, {"limit": "To limit a list, say how many items to keep."}),
        ({"operation": "filter", "items": [], "where": {"all": []}}, {}),
        ({"operation": "limit", "items": [], "limit": 0}, {}),
        ({"operation": "sort", "items": []}, {}),
        ({"operation": "{{ inputs.what }}", "items": []}, {}),
    ],
)
def test_what_an_operation_needs_is_asked_for_while_building(written: dict[str, Any], problems: dict[str, str]) -> None:
    assert WorkOnList.check(written) == problems


def test_what_an_operation_needs_is_asked_for_again_when_it_runs() -> None:
    with pytest.raises(BadParams, match="To limit a list, say how many items to keep"):
        work("limit", [1, 2])


def test_an_operation_we_do_not_have_is_refused() -> None:
    with pytest.raises(ValidationError):
        WorkOnList.Params(operation="explode", items=[])


def test_the_condition_is_handed_over_as_written() -> None:
    assert WorkOnList.unrendered == ("where",)
    assert WorkOnList.names_inside({}) == ("item",)
    assert WorkOnList.output_fields({}) == {"items": "array", "count": "integer"}


def test_a_condition_that_cannot_be_read_is_named_while_building() -> None:
    where = {"any": [{"value": "{{ item.score }}", "is": "bigger", "to": 2}, {"value": "{{ itm }}", "is": "is_true"}]}
    step = {"id": "kept", "kind": "data.list", "with": {"operation": "filter", "items": [1], "where": where}}

    found = problems(load({"format": 1, "name": "Probe", "steps": [step]}), {"data.list": WorkOnList})

    assert [(problem.step, problem.field, problem.message.split(";")[0]) for problem in found] == [
        ("kept", "with.where", "'bigger' is not an operator"),
        (
            "kept",
            "with.where.any.1.value",
            'Nothing is called "itm" here. Known are inputs, steps, run, department and workflow.',
        ),
    ]
