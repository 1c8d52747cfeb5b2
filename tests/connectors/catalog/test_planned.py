"""A step whose connector does not exist yet says what it would do, and does nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.catalog.planned import Rehearse, sentence
from connectors.sdk import Done, Effect, FileRef

FILE = FileRef(file="01920c5e", name="Pack.docx")


class Notebook:
    """What the step sees of its run: only its journal; there is no door to anything outside."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def rehearsed(**given: Any) -> tuple[Done, Notebook]:
    notebook = Notebook()
    params = Rehearse.Params.model_validate({"system": "Content system", "does": "put the texts in", **given})
    return Rehearse().run(params, notebook), notebook


def test_it_says_what_it_would_do_and_that_nothing_was_sent() -> None:
    outcome, notebook = rehearsed(to="web team", message="Save with every coffee.", file=FILE)

    said = "Rehearsed, nothing was sent: Content system has no connector yet. It would put the texts in (web team)."
    assert outcome == Done(
        Rehearse.Output(
            rehearsed=True,
            said=said,
            system="Content system",
            to="web team",
            message="Save with every coffee.",
            file=FILE,
        ),
        summary="rehearsed, nothing was sent",
        rehearsed=True,
    )
    assert notebook.notes == [said]


@pytest.mark.parametrize(
    ("does", "to", "end"),
    [
        ("post the digest", "", "It would post the digest."),
        (" post the digest. ", "#team", "It would post the digest (#team)."),
    ],
)
def test_the_sentence_ends_once_whatever_was_typed(does: str, to: str, end: str) -> None:
    assert sentence(Rehearse.Params(system="Chat", does=does, to=to)).endswith(f"yet. {end}")


@pytest.mark.parametrize("given", [{"system": ""}, {"does": ""}, {"system": "s" * 81}, {"channel": "#team"}])
def test_what_it_cannot_say_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        rehearsed(**given)


@pytest.mark.parametrize(("message", "shown"), [(None, ""), (["a"], '[\n  "a"\n]'), (True, "yes")])
def test_whatever_a_reference_named_is_shown_as_text(message: Any, shown: str) -> None:
    outcome, _notebook = rehearsed(message=message)

    assert outcome.output.message == shown


def test_it_may_be_repeated_and_done_at_once_since_nothing_leaves_the_server() -> None:
    assert Rehearse.effect is Effect.PURE
    assert Rehearse.local
    assert Rehearse.output_fields({})["rehearsed"] == "boolean"
