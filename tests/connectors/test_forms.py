"""The form builder: declarations become fields, what was typed becomes values or a sentence at the field."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from pydantic import Field as PydanticField

from connectors.forms import Choice, Field, Form, form_for_inputs, form_for_model, read, read_model
from connectors.sdk import Model, hint


def declared(**given: Any) -> SimpleNamespace:
    usual = {"type": "text", "title": "", "help": "", "required": True, "default": None, "choices": []}
    return SimpleNamespace(**{**usual, **given})


def sent(**values: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(values)
    return data


def only(**given: Any) -> Form:
    return Form((Field(name="it", label="It", **given),))


class Letter(Model):
    """Params of a step, for the tests."""

    to: str = PydanticField(
        title="To whom", description="A name.", max_length=10, json_schema_extra=hint(example="Ann")
    )
    body: str = PydanticField(json_schema_extra=hint("long_text"))
    tone: Literal["warm", "cool"] = "warm"
    copies: int = PydanticField(default=1, ge=1, le=5)
    urgent: bool = False
    on: date | None = None
    words: list[str] = []
    extra: dict[str, Any] = PydanticField(default={}, json_schema_extra=hint("key_value", advanced=True))


def test_the_inputs_of_a_workflow_become_fields_in_their_order():
    inputs = {
        "brief": declared(type="long_text", title="The brief", help="What is it about?"),
        "send_now": declared(type="boolean"),
        "market": declared(type="choice", choices=["SE", "DE"], default="DE", required=False),
        "topics": declared(type="list", default=["one", "two"]),
    }

    form = form_for_inputs(inputs, prefix="in-")

    assert form.fields == (
        Field("brief", "The brief", "long_text", help="What is it about?", required=True, prefix="in-"),
        Field("send_now", "Send now", "switch", prefix="in-"),
        Field("market", "Market", "choice", choices=(Choice("SE", "SE"), Choice("DE", "DE")), value="DE", prefix="in-"),
        Field("topics", "Topics", "list", required=True, value="one\ntwo", prefix="in-"),
    )


def test_a_step_kind_says_its_form_with_its_types_alone():
    form = form_for_model(Letter, {"to": "Bo", "extra": {"a": 1}})

    assert [(one.name, one.widget, one.required, one.value) for one in form.fields] == [
        ("to", "text", True, "Bo"),
        ("body", "long_text", True, ""),
        ("tone", "choice", False, "warm"),
        ("copies", "number", False, "1"),
        ("urgent", "switch", False, False),
        ("on", "date", False, ""),
        ("words", "list", False, ""),
        ("extra", "key_value", False, ""),
    ]
    assert [[part.value for part in row.fields] for row in form.fields[-1].rows] == [["a", "1"]]
    assert (form.fields[0].label, form.fields[0].help, form.fields[0].example) == ("To whom", "A name.", "Ann")
    assert [one.name for one in form.advanced] == ["extra"]


@pytest.mark.parametrize(
    ("widget", "typed", "value"),
    [
        ("text", "  hello  ", "hello"),
        ("text", "ål 你好 🎈", "ål 你好 🎈"),
        ("long_text", "a\r\nb\rc\n", "a\nb\nc"),
        ("long_text", "  kept", "  kept"),
        ("number", "12", 12),
        ("number", "12.0", 12),
        ("number", "-3.5", -3.5),
        ("number", "1e3", 1000),
        ("date", "2026-03-31", "2026-03-31"),
        ("choice", "SE", "SE"),
        ("list", "one\r\n\r\n two \n", ["one", "two"]),
        ("key_value", '{"a": [1, null]}', {"a": [1, None]}),
        ("structure", "[]", []),
    ],
)
def test_what_was_typed_becomes_a_value(widget: str, typed: str, value: Any):
    form = only(widget=widget, choices=(Choice("SE", "Sweden"),))

    filled = read(form, sent(it=typed))

    assert filled.form.is_good
    assert filled.values == {"it": value}


@pytest.mark.parametrize(
    ("widget", "typed", "sentence"),
    [
        ("text", "", "This is needed."),
        ("text", " \t", "This is needed."),
        ("list", "\n\n", "This is needed."),
        ("file", "", "This is needed."),
        ("text", "a\x00b", "There is a NUL character in it, which cannot be stored. Paste it as plain text."),
        ("text", "a\ud800b", "There is half a character in it (a lone surrogate). Paste it again as plain text."),
        (
            "long_text",
            "x" * 100_001,
            "This has 100,001 characters; at most 100,000 fit. Shorten it, or give it as a file.",
        ),
        ("number", "twelve", "Write a number, for example 12 or 3.5."),
        ("number", "NaN", "Write a number, for example 12 or 3.5."),
        ("number", "-Infinity", "This number is too large to work with."),
        ("number", "1e999", "This number is too large to work with."),
        ("date", "31.3.2026", "Write a date as year-month-day, for example 2026-03-31."),
        ("date", "2026-02-30", "Write a date as year-month-day, for example 2026-03-31."),
        ("choice", "NO", "Choose one of the offered values."),
        ("list", "x\n" * 10_001, "At most 10,000 lines fit."),
        ("key_value", '{"a": ', "This is not JSON: look at line 1, column 7."),
        ("key_value", '{"a": NaN}', "NaN is not a number."),
        ("structure", "[" * 50_000, "This is nested too deeply."),
    ],
)
def test_what_cannot_be_understood_gets_a_sentence_at_its_field(widget: str, typed: str, sentence: str):
    form = only(widget=widget, required=True, choices=(Choice("SE", "Sweden"),))

    filled = read(form, sent(it=typed))

    assert filled.form.fields[0].error == sentence
    assert filled.form.fields[0].value == typed
    assert filled.values == {}


def test_an_optional_field_left_empty_is_no_value_at_all():
    filled = read(only(widget="number"), sent(it=""))

    assert filled.form.is_good
    assert filled.values == {}


def test_a_switch_is_off_when_the_browser_says_nothing():
    form = only(widget="switch")

    assert read(form, sent()).values == {"it": False}
    assert read(form, sent(it="on")).values == {"it": True}


def test_an_upload_wins_over_the_file_that_was_kept():
    form = only(widget="file", required=True)
    upload = SimpleUploadedFile("new.txt", b"hello")

    fresh = read(form, sent(**{"it-kept": "0190"}), MultiValueDict({"it": [upload]}))
    kept = read(form, sent(**{"it-kept": "0190"}), MultiValueDict())

    assert fresh.values == {"it": upload}
    assert kept.values == {"it": "0190"}


def test_an_empty_upload_is_refused_with_a_sentence():
    upload = SimpleUploadedFile("empty.txt", b"")

    filled = read(only(widget="file"), sent(), MultiValueDict({"it": [upload]}))

    assert filled.form.fields[0].error == "This file is empty. Choose another one."
    assert filled.values == {}


def test_a_file_that_is_too_large_is_refused_before_it_is_read(settings):
    settings.UPLOAD_MAX_BYTES = 4
    upload = SimpleUploadedFile("big.txt", b"12345")

    filled = read(only(widget="file"), sent(), MultiValueDict({"it": [upload]}))

    assert filled.form.fields[0].error == (
        "This file has 5\xa0bytes; at most 4\xa0bytes are taken. Choose a smaller one."
    )
    assert upload.tell() == 0


def test_the_rules_of_the_model_stand_at_their_fields():
    form = form_for_model(Letter)
    data = sent(to="A name that is too long", body="Hi", tone="warm", copies="9")

    filled = read_model(form, Letter, data)

    assert {one.name: one.error for one in filled.form.fields if one.error} == {
        "to": "At most 10 characters fit.",
        "copies": "It must be at most 5.",
    }


def test_an_error_of_no_field_stands_above_the_form():
    form = only(widget="text").with_errors({"it": "Wrong.", "other": "Also wrong."})

    assert (form.error, form.fields[0].error, form.is_good) == ("Also wrong.", "Wrong.", False)


@pytest.mark.parametrize(
    "widget", ["text", "long_text", "number", "switch", "date", "choice", "file", "list", "fields"]
)
def test_every_widget_is_drawn_with_its_label_its_help_and_its_error(widget: str):
    asked = Field("it", "Its <label>", widget, help="Some help.", error="Wrong.", required=True, prefix="in-")

    html = render_to_string("forms/_field.html", {"field": asked})

    assert 'name="in-it"' in html
    assert 'for="f-in-it"' in html
    assert "Its &lt;label&gt;" in html
    assert 'aria-describedby="f-in-it-help f-in-it-error"' in html
    assert "Some help." in html
    assert "Wrong." in html
    assert 'aria-invalid="true"' in html
    assert "style=" not in html
