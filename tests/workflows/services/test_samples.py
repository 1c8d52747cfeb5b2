"""What a step would see in a run, before there was one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import make_workflow
from workflows.engine.definition import load
from workflows.services.samples import scope_for

pytestmark = pytest.mark.django_db

PRESS: dict[str, Any] = {
    "format": 1,
    "name": "Press",
    "inputs": {
        "article": {"type": "long_text", "title": "Article"},
        "copies": {"type": "number", "default": 3},
        "market": {"type": "choice", "choices": ["SE", "DE"]},
    },
    "steps": [
        {"id": "note", "kind": "text.compose", "with": {"text": "Note"}},
        {
            "id": "each",
            "kind": "flow.for_each",
            "with": {"items": ["Berlin", "Oslo"], "as": "town"},
            "steps": [
                {"id": "greet", "kind": "text.compose", "with": {"text": "{{ town }}"}},
                {
                    "id": "again",
                    "kind": "flow.loop",
                    "with": {"times": 2},
                    "steps": [{"id": "deep", "kind": "text.compose", "with": {"text": "x"}}],
                },
            ],
        },
        {
            "id": "try_it",
            "kind": "flow.attempt",
            "steps": [{"id": "risky", "kind": "text.compose", "with": {"text": "x"}}],
            "rescue": [{"id": "mend", "kind": "text.compose", "with": {"text": "x"}}],
        },
    ],
    "output": {},
}


def test_inputs_come_from_the_sample_then_the_default_then_the_type() -> None:
    workflow = make_workflow(definition=PRESS, sample={"article": "Klarna grows"})

    scope = scope_for(workflow, load(PRESS), "note")

    assert scope["inputs"] == {"article": "Klarna grows", "copies": 3, "market": "SE"}


def test_a_step_sees_the_steps_before_it_and_the_names_around_it() -> None:
    workflow = make_workflow(definition=PRESS)

    scope = scope_for(workflow, load(PRESS), "deep")

    assert set(scope["steps"]) == {"note", "greet"}
    assert (scope["town"], scope["item_number"], scope["round"]) == ("Berlin", 1, 1)


def test_a_rescue_sees_what_was_attempted_and_the_failure() -> None:
    scope = scope_for(make_workflow(definition=PRESS), load(PRESS), "mend")

    assert set(scope["steps"]) == {"note", "each", "risky"}
    assert set(scope["failure"]) == {"error", "failed_step"}


def test_the_results_see_every_step_but_those_of_items() -> None:
    scope = scope_for(make_workflow(definition=PRESS), load(PRESS), "")

    assert set(scope["steps"]) == {"note", "each", "risky", "mend", "try_it"}


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(KeyError):
        scope_for(make_workflow(definition=PRESS), load(PRESS), "nobody")


def test_a_filter_sees_the_first_item_of_its_own_list() -> None:
    steps = [{"id": "few", "kind": "data.list", "with": {"operation": "filter", "items": ["Oslo", "Kyiv"]}}]
    draft = {"format": 1, "name": "Few", "steps": steps}

    assert scope_for(make_workflow(definition=draft), load(draft), "few")["item"] == "Oslo"
