from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sdk import Rejected
from tests.scripted_provider import gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_classify import Classify

__all__ = ["asker"]

TONES = ["positive", "neutral", "negative"]


def test_a_text_gets_one_of_the_labels_with_confidence_and_reason(asker: Asker) -> None:
    asker.provider.script = [gives({"reason": " a betrayal ", "label": "negative", "confidence": 85})]

    done = asker.run(Classify, text="They call it a betrayal.", labels=TONES, about="The tone towards Nordbank.")

    assert done.output.model_dump() == {"label": "negative", "confidence": 0.85, "reason": "a betrayal"}
    assert done.summary == "negative (85 %)"
    assert asker.blocks() == {"text": "They call it a betrayal."}
    assert asker.instructions() == (
        "Sort the text into one of the labels: positive, neutral, negative.\nJudge: The tone towards Nordbank.\n"
        "confidence: how sure you are, in percent\nreason: the words of the text that tell"
    )
    assert asker.schema()["label"]["enum"] == TONES


def test_labels_may_say_when_they_apply(asker: Asker) -> None:
    asker.provider.script = [gives({"reason": "", "label": "praise", "confidence": 100})]

    praise = {"name": "praise", "description": "The customer is happy."}
    asker.run(Classify, text="Great!", labels=[praise, {"name": "complaint", "examples": ["Bad.", "No!"]}])

    assert asker.instructions() == (
        "Sort the text into one of the labels: praise, complaint.\n"
        "praise: The customer is happy.\ncomplaint:  For example: Bad. | No!\n"
        "confidence: how sure you are, in percent\nreason: the words of the text that tell"
    )


def test_a_label_that_is_not_ours_fails_visibly(asker: Asker) -> None:
    asker.provider.script = [gives({"reason": "", "label": "awful", "confidence": 100})] * 2

    with pytest.raises(Rejected, match="did not keep to its form"):
        asker.run(Classify, text="Hm.", labels=TONES)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["one"], "at least 2 items"),
        ([str(number) for number in range(31)], "at most 30 items"),
        (["yes", "Yes"], "two labels have the same name"),
        (["yes", ""], "at least 1 character"),
    ],
)
def test_labels_must_make_sense(labels: list[Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Classify.Params(text="Hm.", labels=labels)
