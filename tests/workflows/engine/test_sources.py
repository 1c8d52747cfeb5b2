"""Parameters whose choices the page loads are found at any depth."""

from __future__ import annotations

from tests.workflows.engine.edits.drawing import KINDS
from workflows.engine.sources import chosen, sources_of


def test_a_kind_tells_every_place_that_asks_for_loaded_choices():
    found = dict(sources_of(KINDS["people.approve"].Params))

    assert found == {
        ("person",): "people",
        ("people", "*", "person"): "people",
        ("group",): "groups",
        ("then", "*", "person"): "people",
        ("then", "*", "group"): "groups",
        ("escalate", "*", "person"): "people",
        ("hand_on", "person"): "people",
        ("hand_on", "group"): "groups",
        ("sends",): "sending_steps",
    }


def test_what_a_step_says_there_is_told_with_its_place_and_nonsense_is_passed_over():
    given = {
        "person": " ada@x.example ",
        "people": "{{ inputs.list }}",
        "then": [{"person": ""}, {"group": "counsel"}, 7],
        "hand_on": {"person": "bo@x.example"},
        "escalate": [{"after_hours": 2}],
    }

    assert sorted(chosen(given, KINDS["people.form"].Params)) == [
        ("hand_on.person", "people", "bo@x.example"),
        ("person", "people", "ada@x.example"),
        ("then.1.group", "groups", "counsel"),
    ]
