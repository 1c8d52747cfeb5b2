from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.models import AiModel
from connectors.sdk import Rejected
from tests.scripted_provider import gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_extract import Extract

__all__ = ["asker"]

FIELDS = [
    {"name": "party", "description": "Who signs"},
    {"name": "amount", "type": "number"},
    {"name": "ends_on", "type": "date", "description": "When it ends"},
    {"name": "signed", "type": "boolean"},
    {"name": "risk", "type": "choice", "choices": ["low", "high"]},
    {"name": "clauses", "type": "list"},
]
FOUND = {
    "party": "Acme",
    "amount": 12.5,
    "ends_on": "2026-12-31",
    "signed": True,
    "risk": "low",
    "clauses": ["term", "law"],
}
NOTHING = {"party": None, "amount": None, "ends_on": None, "signed": None, "risk": None, "clauses": []}


def test_every_field_becomes_a_value_of_its_type(asker: Asker) -> None:
    asker.provider.script = [gives(FOUND)]

    done = asker.run(Extract, text="Acme pays 12.5 until the end of 2026.", fields=FIELDS)

    assert (done.output, done.summary) == (FOUND, "6 of 6 facts found")
    assert asker.instructions().splitlines() == [
        "Take these facts from the text. Use null for what it does not say. Write dates as YYYY-MM-DD.",
        "party (text): Who signs",
        "amount (number): amount",
        "ends_on (date): When it ends",
        "signed (boolean): signed",
        "risk (choice): risk",
        "clauses (list): clauses",
    ]
    assert list(asker.schema()) == list(FOUND)


def test_what_the_text_does_not_say_is_null(asker: Asker) -> None:
    asker.provider.script = [gives(NOTHING | {"party": " null ", "clauses": [" ", "law", "law"]})]

    assert asker.output(Extract, text="Hm.", fields=FIELDS) == NOTHING | {"clauses": ["law"]}


def test_a_required_fact_that_is_missing_fails_and_names_it(asker: Asker) -> None:
    asker.provider.script = [gives({"party": None, "amount": 5})]
    fields = [{"name": "party", "required": True}, {"name": "amount", "type": "number"}]

    with pytest.raises(Rejected, match="The text does not say: party") as caught:
        asker.run(Extract, text="Five.", fields=fields)

    assert (caught.value.code, caught.value.output) == ("not_found", {"party": None, "amount": 5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_on": "31 December 2026"},
        {"ends_on": "2026-02-30"},
        {"amount": "12"},
        {"risk": "medium"},
        {"signed": "yes"},
        {"clauses": "term"},
        {"more": 1},
    ],
)
def test_a_value_of_another_type_is_repaired_or_fails(asker: Asker, wrong: dict[str, Any]) -> None:
    asker.provider.script = [gives(FOUND | wrong), gives(FOUND), gives(FOUND | wrong), gives(FOUND | wrong)]

    assert asker.output(Extract, text="Acme.", fields=FIELDS) == FOUND
    with pytest.raises(Rejected, match="did not keep to its form"):
        asker.run(Extract, text="Acme.", fields=FIELDS)


def test_a_long_text_is_read_in_parts_and_the_first_that_tells_counts(asker: Asker) -> None:
    AiModel.objects.update(context_tokens=3_000)
    fields = [{"name": "party"}, {"name": "clauses", "type": "list"}]
    asker.provider.script = [
        gives({"party": None, "clauses": ["term"]}),
        gives({"party": "Acme", "clauses": ["law", "term"]}),
        gives({"party": "Other", "clauses": []}),
    ]

    output = asker.output(Extract, text="word " * 800, fields=fields)

    assert output == {"party": "Acme", "clauses": ["term", "law"]}
    assert asker.notes == ["The text is long: it was read in 3 parts."]


def test_later_steps_know_the_fields_before_the_step_has_run() -> None:
    assert Extract.output_fields({"fields": FIELDS}) == {
        "party": "string",
        "amount": "number",
        "ends_on": "string",
        "signed": "boolean",
        "risk": "string",
        "clauses": "array",
    }
    assert Extract.output_fields({"fields": "{{ inputs.fields }}"}) is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([], "at least 1 item"),
        ([{"name": "End Date"}], "should match pattern"),
        ([{"name": "a"}, {"name": "a"}], "two fields have the same name"),
        ([{"name": "a", "type": "choice"}], "a choice, and nothing else, has choices"),
        ([{"name": "a", "type": "money"}], "Input should be 'text', 'number'"),
    ],
)
def test_fields_must_make_sense(fields: list[Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Extract.Params(text="Hm.", fields=fields)
