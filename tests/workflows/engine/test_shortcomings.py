"""What is wrong with a parameter is said as its form calls it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.sdk.registry import discover
from workflows.engine.shortcomings import SENTENCES, sentence

KINDS = discover("workflows.steps", "connectors.catalog")


class Label(BaseModel):
    name: str = Field(title="Name", min_length=1)
    examples: list[str] = Field(default_factory=list, title="Examples", max_length=1)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(title="Text", min_length=1, max_length=5)
    code: str = Field(default="abc", title="Code", min_length=3, pattern="^[a-c]+$")
    labels: list[Label] = Field(default_factory=list, title="Labels", min_length=2)
    times: int = Field(default=1, title="At most", ge=1, lt=1_000)
    item_name: str = Field(default="item", alias="as", title="Name of one item")
    form: Literal["docx", "md"] = "md"
    ratio: float = Field(default=1, title="Ratio", gt=0, le=1)
    keep: bool = Field(default=False, title="Keep going")
    values: dict[str, int] = Field(default_factory=dict, title="Values")
    checked: str = Field(default="", title="Checked")

    @field_validator("checked")
    @classmethod
    def _is_good(cls, checked: str) -> str:
        if checked:
            raise ValueError("this is never good")
        return checked


def said(**given: Any) -> list[str]:
    given = {"text": "x", "labels": [{"name": "a"}, {"name": "b"}], **given}
    if given["text"] is None:
        del given["text"]
    with pytest.raises(ValidationError) as error:
        Params.model_validate(given)
    return [sentence(Params, given, detail) for detail in error.value.errors()]


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ({"text": None}, ["“Text” is still empty."]),
        ({"text": ""}, ["“Text” is still empty."]),
        ({"text": 7}, ["“Text” must be a text."]),
        ({"text": "too long"}, ["“Text” takes at most 5 characters."]),
        ({"code": "a"}, ["“Code” needs at least 3 characters."]),
        ({"code": "xyz"}, ["“Code” is not written in the form that is wanted."]),
        ({"labels": []}, ["“Labels” needs at least 2 entries."]),
        ({"labels": [{"name": "a"}, {"name": ""}]}, ["“Labels”, entry 2, “Name” is still empty."]),
        ({"labels": [{"name": "a"}, {}]}, ["“Labels”, entry 2, “Name” is still empty."]),
        (
            {"labels": [{"name": "a"}, {"name": "b", "examples": ["1", "2"]}]},
            ["“Labels”, entry 2, “Examples” takes at most 1 entry."],
        ),
        ({"labels": "a"}, ["“Labels” must be a list."]),
        ({"labels": [{"name": "a"}, 7]}, ["“Labels”, entry 2 must be a group of values."]),
        ({"times": "many"}, ["“At most” must be a whole number."]),
        ({"times": 0}, ["“At most” must be at least 1."]),
        ({"times": 1_000}, ["“At most” must be less than 1,000."]),
        ({"ratio": 0}, ["“Ratio” must be more than 0.0."]),
        ({"ratio": 2}, ["“Ratio” must be at most 1.0."]),
        ({"as": []}, ["“Name of one item” must be a text."]),
        ({"form": "pdf"}, ["“Form” must be one of 'docx' or 'md'."]),
        ({"keep": "perhaps"}, ["“Keep going” must be yes or no."]),
        ({"values": {"a": "x"}}, ["“Values”, “a” must be a whole number."]),
        ({"checked": "x"}, ["“Checked”: this is never good."]),
        ({"more": 1}, ["There is no setting called “more” here."]),
    ],
)
def test_each_mistake_is_a_sentence(given: dict[str, Any], sentences: list[str]) -> None:
    assert said(**given) == sentences


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_new_step_of_every_kind_says_in_words_what_is_still_empty(name: str) -> None:
    model = KINDS[name].Params
    try:
        model.model_validate({})
    except ValidationError as error:
        for detail in error.errors():
            assert detail["type"] in SENTENCES
            assert sentence(model, {}, detail).endswith("is still empty.")
