"""What a step would tell the department once it is in the library."""

from __future__ import annotations

import pytest

from workflows.engine.definition import Node
from workflows.engine.disclosures import MOST, Why, disclosures


def asking(**given: object) -> list[Node]:
    return [Node.model_validate({"id": "ask", "kind": "people.approve", "title": "Ask", "with": given})]


@pytest.mark.parametrize(
    ("given", "value", "why"),
    [
        ({"question": "Write to anna.berg@acme-bank.example."}, "anna.berg@acme-bank.example", Why.PERSON),
        ({"question": "Call +46 8 123 45 67 first"}, "+46 8 123 45 67", Why.PERSON),
        ({"show": {"Account": "DE89 3704 0044 0532 0130 00"}}, "DE89 3704 0044 0532 0130 00", Why.PERSON),
        ({"person": "Astrid"}, "Astrid", Why.PERSON),
        ({"connection": "Sales inbox"}, "Sales inbox", Why.CONNECTION),
        ({"question": "sk-abcdefghijklmnop1234"}, "sk-abcdefghijklmnop1234", Why.SECRET),
        ({"question": "AKIAABCDEFGHIJKLMNOP"}, "AKIAABCDEFGHIJKLMNOP", Why.SECRET),
        ({"token": "hush"}, "hush", Why.SECRET),
    ],
)
def test_people_connections_and_keys_are_seen(given: dict, value: str, why: Why):
    assert [(each.value, each.why) for each in disclosures(asking(**given))] == [(value, why)]


@pytest.mark.parametrize(
    "given",
    [
        {"question": "May this be published on 2026-11-23 at 10:30?"},
        {"person": "{{ inputs.owner }}"},
        {"question": "Reference 1234567 of the year 2025", "due_hours": 24},
        {"person": ""},
    ],
)
def test_what_tells_nothing_about_anybody_is_left_alone(given: dict):
    assert disclosures(asking(**given)) == []


def test_a_long_list_ends():
    many = " ".join(f"p{number}@acme-bank.example" for number in range(200))

    assert len(disclosures(asking(question=many))) == MOST
