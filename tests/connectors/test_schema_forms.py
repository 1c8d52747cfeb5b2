"""A JSON Schema becomes a form: the answer to a task, or what a step would give."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from pydantic import BaseModel, Field

from connectors.forms import form_for_schema, read
from connectors.sdk import FileRef


class Place(BaseModel):
    city: str = Field(title="City")
    zip: str = ""


class Given(BaseModel):
    text: str = Field(title="Text")
    score: float | None = None
    place: Place = Field(title="Place")
    rows: list[Place] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    file: FileRef | None = None
    kept: FileRef | None = None


SCHEMA = Given.model_json_schema()


def test_each_shape_has_its_widget_and_what_is_known_stands_in_it() -> None:
    form = form_for_schema(SCHEMA, {"text": "Hello", "place": {"city": "Malmö"}}, prefix="v-")

    assert {asked.key: asked.widget for asked in form.fields} == {
        "v-text": "text",
        "v-score": "number",
        "v-place": "group",
        "v-rows": "rows",
        "v-tags": "list",
        "v-file": "file",
        "v-kept": "file",
    }
    assert [asked.required for asked in form.fields] == [True, False, True, False, False, False, False]
    assert form.fields[0].value == "Hello"
    assert form.fields[2].parts[0].value == "Malmö"


def test_what_is_sent_comes_back_in_the_shape_of_the_schema() -> None:
    sent: dict[str, Any] = {
        "v-text": "Hello",
        "v-score": "1.5",
        "v-place-city": "Malmö",
        "v-rows-rows": "3",
        "v-rows-3-city": "Lund",
        "v-tags": "a\nb",
    }
    data = QueryDict(mutable=True)
    data.update(sent)

    filled = read(form_for_schema(SCHEMA, prefix="v-"), data)

    assert filled.form.is_good
    assert filled.values == {
        "text": "Hello",
        "score": 1.5,
        "place": {"city": "Malmö"},
        "rows": [{"city": "Lund"}],
        "tags": ["a", "b"],
    }


def test_an_error_stands_at_its_place_inside() -> None:
    form = form_for_schema(SCHEMA, prefix="v-").with_errors({"place.city": "Which?", "nothing": "Odd."})

    assert form.fields[2].parts[0].error == "Which?"
    assert form.error == "Odd."
