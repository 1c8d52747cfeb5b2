from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sdk import Done
from workflows.steps.data_set import SetValues


def test_the_names_become_the_fields_of_the_output() -> None:
    params = SetValues.Params(values={"deadline": "2026-03-01", "risky": 2, "channels": ["ad"]})

    outcome = SetValues().run(params, ctx=None)

    assert outcome == Done({"deadline": "2026-03-01", "risky": 2, "channels": ["ad"]})


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("plain", "string"),
        ("{{ steps.facts.deadline }}", "any"),
        (" {{ steps.facts.a }}", "any"),
        ("Until {{ steps.facts.a }}", "string"),
        (3, "number"),
        (2.5, "number"),
        (True, "boolean"),
        (["a"], "array"),
        ({"a": 1}, "object"),
        (None, "any"),
    ],
)
def test_the_type_of_a_field_is_known_from_what_is_written(written: Any, kind: str) -> None:
    assert SetValues.output_fields({"values": {"name": written}}) == {"name": kind}


def test_values_that_are_a_reference_themselves_may_hold_anything() -> None:
    assert SetValues.output_fields({"values": "{{ inputs.facts }}"}) is None
    assert SetValues.check({"values": "{{ inputs.facts }}"}) == {}


@pytest.mark.parametrize("name", ["a", "deadline", "_kept", "Q4_2026", "x" * 60])
def test_a_name_that_later_steps_can_refer_to_is_fine(name: str) -> None:
    assert SetValues.check({"values": {name: 1}}) == {}


@pytest.mark.parametrize("name", ["", "two words", "2nd", "a-b", "größe", "a.b", "x" * 61, "line\n"])
def test_a_name_that_no_reference_could_hold_is_refused(name: str) -> None:
    assert SetValues.check({"values": {"good": 1, name: 2}}) == {
        "values": f'"{name}" cannot be a name: use letters, digits and _, begin with a letter, at most 60 characters.'
    }


@pytest.mark.parametrize("name", ["limit", "empty", "in", "true"])
def test_a_word_of_the_template_language_is_refused_as_a_name(name: str) -> None:
    assert SetValues.check({"values": {name: 1}}) == {
        "values": f'"{name}" is a word of the template language: choose another name, such as "{name}_value".'
    }


def test_setting_nothing_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        SetValues.Params(values={})
