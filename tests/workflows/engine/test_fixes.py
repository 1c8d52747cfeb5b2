"""A reference that leads nowhere: the nearest name is proposed, as an edit that puts it right."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.definition import Definition, load
from workflows.engine.fixes import Fix, fixes, replaced
from workflows.engine.problems import Problem, problems
from workflows.runtime.kinds import kinds


def drafted(*steps: dict[str, Any], **more: Any) -> Definition:
    asked = {"article": {"type": "text", "title": "Article"}}
    return load({"format": 1, "name": "Triage", "inputs": asked, "steps": list(steps), **more})


TONE = {
    "id": "tone",
    "kind": "ai.classify",
    "title": "How does it speak about us?",
    "with": {"text": "{{ inputs.article }}", "labels": ["good", "bad"]},
}


def proposed(definition: Definition, number: int = 0) -> list[Fix]:
    return fixes(definition, problems(definition, kinds())[number], kinds())


def test_a_misspelt_step_is_replaced_by_the_nearest_one_and_nothing_else_in_the_text_changes():
    text = {"id": "note", "kind": "text.compose", "with": {"text": "steps.tune: {{ steps.tune.label }}!"}}
    definition = drafted(TONE, text)

    first, *_rest = proposed(definition)

    assert first == Fix(
        "Use “How does it speak about us? ▸ label” instead of “steps.tune.label”",
        {"do": "change", "step": "note", "field": "with.text", "value": "steps.tune: {{ steps.tone.label }}!"},
    )


def test_a_field_that_the_step_does_not_give_is_replaced_by_the_nearest_it_gives():
    text = {"id": "note", "kind": "text.compose", "with": {"text": "{{ steps.tone.lable | upcase }}"}}

    first, *_rest = proposed(drafted(TONE, text))

    assert first.edit["value"] == "{{ steps.tone.label | upcase }}"


def test_a_missing_input_is_replaced_inside_a_list_by_an_edit_of_the_whole_parameter():
    labels = {**TONE, "with": {"text": "x", "labels": ["good", {"name": "bad", "description": "{{ inputs.articel }}"}]}}

    first, *_rest = proposed(drafted(labels))

    assert first.edit == {
        "do": "change",
        "step": "tone",
        "field": "with.labels",
        "value": ["good", {"name": "bad", "description": "{{ inputs.article }}"}],
    }


def test_the_condition_of_a_way_and_the_result_of_the_workflow_are_put_right_too():
    when = {"all": [{"value": "{{ steps.tome.label }}", "is": "equal", "to": "bad"}]}
    branch = {"id": "route", "kind": "flow.branch", "cases": [{"when": when, "steps": []}]}
    definition = drafted(TONE, branch, output={"tone": "{{ steps.tonne.label }}"})

    of_way, of_result = proposed(definition, 0)[0], proposed(definition, 1)[0]

    assert of_way.edit == {
        "do": "change_way",
        "step": "route",
        "way": "cases.0",
        "when": {"all": [{"value": "{{ steps.tone.label }}", "is": "equal", "to": "bad"}]},
    }
    assert of_result.edit == {"do": "set_result", "name": "tone", "value": "{{ steps.tone.label }}"}


def test_a_step_that_comes_later_is_not_proposed():
    early = {"id": "early", "kind": "text.compose", "with": {"text": "{{ steps.tone.label }}"}}

    offered = proposed(drafted(early, TONE))

    assert all("steps.tone" not in fix.edit["value"] for fix in offered)


def test_a_kind_that_is_not_installed_can_only_be_removed():
    definition = drafted({"id": "odd", "kind": "no.such"})

    assert proposed(definition) == [Fix("Remove this step", {"do": "remove", "steps": ["odd"]})]


@pytest.mark.parametrize(
    "problem",
    [
        Problem("", "steps", "The workflow has no step yet."),
        Problem("tone", "with.labels", "Too short."),
        Problem("tone", "with.labels.7.name", "?"),
        Problem("gone", "with.text", "?"),
    ],
)
def test_a_problem_without_a_reference_has_no_proposal(problem: Problem):
    assert fixes(drafted(TONE), problem, kinds()) == []


def test_a_longer_name_that_begins_alike_is_left_alone():
    assert replaced("{{ steps.a.b }} {{ steps.a.bc }}", ("steps", "a", "b"), ("steps", "a", "d")) == (
        "{{ steps.a.d }} {{ steps.a.bc }}"
    )
