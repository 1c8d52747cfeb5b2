"""What every step that asks people has in common."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from connectors.sdk import Deadline, Whom
from connectors.sdk.asking import AskedField, People, Time, form_of, time_problems
from connectors.sdk.leaving import Attachment, Leaving

BUT = "but no deadline. Say how many hours there are to decide."


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, (Whom(role="approver"),)),
        ({"role": "manager", "needs": 2}, (Whom(role="manager", needs=2),)),
        (
            {"person": "a@x.org", "people": [{"person": "b@x.org"}], "needs": 0},
            (Whom(("a@x.org", "b@x.org"), "", "approver", 0),),
        ),
        (
            {"group": "counsel", "then": [{"person": "c@x.org"}, {"role": "manager"}]},
            (Whom((), "counsel"), Whom(("c@x.org",), "", "approver"), Whom((), "", "manager")),
        ),
    ],
)
def test_whom_a_step_asks(given: dict[str, Any], asked: tuple[Whom, ...]) -> None:
    assert People.model_validate(given).asks() == asked


def test_a_deadline_says_what_happens_as_time_goes_by() -> None:
    time = Time.model_validate(
        {
            "due_hours": 24,
            "working_hours": True,
            "remind_hours": 4,
            "escalate": [{"after_hours": 12, "role": "manager"}],
            "at_end": "answer",
        }
    )

    assert time.deadline({"decision": "reject"}) == Deadline(
        hours=24,
        working=True,
        remind=4,
        escalate=((12, Whom(role="manager")),),
        at_end="answer",
        answer={"decision": "reject"},
        hand_on=Whom(role="manager"),
    )
    assert Time.model_validate({}).deadline({}) is None


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, {}),
        ({"due_hours": 8, "remind_hours": 2, "at_end": "fail"}, {}),
        ({"at_end": "wait"}, {}),
        (
            {"remind_hours": 2},
            {"remind_hours": "There is a reminder but no deadline. Say how many hours there are to decide."},
        ),
        ({"at_end": "fail"}, {"at_end": "There is an end but no deadline. Say how many hours there are to decide."}),
        (
            {"due_hours": 8, "remind_hours": 8},
            {"remind_hours": "That is before the question is asked: there are 8 hours to decide."},
        ),
        ({"due_hours": "{{ inputs.hours }}", "remind_hours": 8}, {}),
    ],
)
def test_times_have_to_fit_together(given: dict[str, Any], problems: dict[str, str]) -> None:
    assert time_problems(given) == problems


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ({"type": "text"}, "x", ""),
        ({"type": "text", "required": False}, None, 1),
        ({"type": "long_text"}, "x" * 20_000, "x" * 20_001),
        ({"type": "number"}, 1.5, "1.5"),
        ({"type": "number", "required": False}, None, True),
        ({"type": "boolean", "required": False}, False, None),
        ({"type": "choice", "choices": ["DE", "SE"]}, "SE", "FR"),
        ({"type": "list"}, ["a"], []),
        ({"type": "list", "required": False}, [], "a"),
    ],
)
def test_a_field_of_a_form_takes_what_fits_and_nothing_else(field: dict[str, Any], good: Any, bad: Any) -> None:
    schema = form_of([AskedField(name="it", **field)])
    validator = jsonschema.Draft202012Validator(schema)

    assert list(validator.iter_errors({"it": good})) == []
    assert list(validator.iter_errors({"it": bad})) != []


def test_the_digest_of_what_leaves_changes_with_every_part_of_it() -> None:
    letter = Leaving(
        "e-mail", ("a@x.org",), {"Subject": "Hello"}, "Good morning", (Attachment("a.pdf", "x", 1, "f" * 64),)
    )
    others = [
        Leaving("HTTP POST", letter.to, letter.headings, letter.body, letter.attachments),
        Leaving(letter.by, ("a@x.org", "b@x.org"), letter.headings, letter.body, letter.attachments),
        Leaving(letter.by, letter.to, {"Subject": "Hello!"}, letter.body, letter.attachments),
        Leaving(letter.by, letter.to, letter.headings, "Good morning ", letter.attachments),
        Leaving(letter.by, letter.to, letter.headings, letter.body, (Attachment("a.pdf", "x", 1, "e" * 64),)),
    ]

    assert len({letter.sha256, *(other.sha256 for other in others)}) == 6
    assert letter.sha256 == Leaving(**{**letter.data(), "attachments": letter.attachments}).sha256
