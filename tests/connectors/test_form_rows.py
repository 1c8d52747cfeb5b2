"""Lists, pairs, groups and conditions: drawn as rows, read back as a definition writes them, errors in their row."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as some
from pydantic import Field as PydanticField

from connectors.forms import Choice, Form, condition_field, form_for_model, read, read_model, sent_by, text_field
from connectors.forms.conditions import ALONE, OF_TYPE, operator_words
from connectors.sdk import Model, hint
from workflows.engine import conditions


class Person(Model):
    name: str = PydanticField(min_length=1, max_length=10)
    role: Literal["author", "editor"] = "author"
    known: bool = False
    words: list[str] = []


class Address(Model):
    street: str = PydanticField(min_length=1)
    zip: str = ""


class Book(Model):
    """Params of a step, for the tests."""

    people: list[Person] = []
    tags: dict[str, Any] = {}
    address: Address | None = None
    numbers: list[int] = []
    body: Any = PydanticField(default=None, json_schema_extra=hint("json"))
    where: dict[str, Any] | None = PydanticField(default=None, json_schema_extra=hint("conditions"))


def sent(**values: Any) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in values.items():
        data.setlist(name.replace("_", "-"), value if isinstance(value, list) else [value])
    return data


def form(**values: Any) -> Form:
    return form_for_model(Book, values, takes_data=True)


def test_a_list_of_things_becomes_rows_with_the_fields_of_one():
    asked = form(people=[{"name": "Ann", "known": True}]).fields[0]

    assert (asked.widget, [part.widget for part in asked.parts]) == ("rows", ["text", "choice", "switch", "list"])
    assert [(part.key, part.value) for part in asked.rows[0].fields] == [
        ("people-0-name", "Ann"),
        ("people-0-role", "author"),
        ("people-0-known", True),
        ("people-0-words", ""),
    ]


def test_rows_come_back_in_their_order_and_empty_ones_are_dropped():
    data = sent(
        people_rows=["4", "0", "2"],
        people_4_name="Bo",
        people_4_words="a\nb",
        people_0_role="editor",
        people_2_name="Cy",
    )

    filled = read(form(), data)

    assert filled.values["people"] == [{"name": "Bo", "words": ["a", "b"]}, {"name": "Cy"}]
    assert [row.index for row in filled.form.fields[0].rows] == ["4", "0", "2"]


def test_the_error_of_the_second_thing_stands_in_its_own_row():
    data = sent(people_rows=["7", "1", "3"], people_7_name="Ann", people_3_name="A name that is too long")

    filled = read_model(form_for_model(Book), Book, data)

    errors = {part.key: part.error for part in filled.form.fields[0].walk() if part.error}
    assert errors == {"people-3-name": "At most 10 characters fit."}


def test_a_group_nobody_answered_is_none_and_a_begun_one_says_what_it_needs():
    nothing = read(form(), sent())
    begun = read(form(), sent(address_zip="123"))

    assert "address" not in nothing.values
    assert nothing.form.is_good
    assert [part.error for part in begun.form.fields[2].parts] == ["This is needed.", ""]


def test_a_cell_whose_type_is_open_means_a_number_only_when_it_is_written_like_one():
    typed = {
        "one": "3",
        "two": "3.5",
        "three": "007",
        "four": "true",
        "five": "[1, 2]",
        "six": "{{ item }}",
        "seven": "",
    }
    data = sent(tags_rows=[str(number) for number in range(7)])
    for number, (name, text) in enumerate(typed.items()):
        data[f"tags-{number}-name"], data[f"tags-{number}-value"] = name, text

    wanted = {"one": 3, "two": 3.5, "three": "007", "four": True, "five": [1, 2], "six": "{{ item }}", "seven": ""}
    assert read(form(), data).values["tags"] == wanted


def test_data_alone_is_the_value_itself_and_not_a_list_or_a_text_of_it():
    data = sent(numbers=" {{ steps.rows.items }} ", body="{{ steps.letter }}")

    values = read(form(), data).values

    assert (values["numbers"], values["body"]) == ("{{ steps.rows.items }}", "{{ steps.letter }}")


def test_a_reference_in_the_place_of_rows_is_shown_as_text_and_stays():
    filled = form(people="{{ steps.rows.items }}", where="{{ inputs.rule }}")

    assert [(one.name, one.widget) for one in filled.fields if one.value] == [("people", "text"), ("where", "text")]
    assert read(filled, sent_by(filled), as_typed=True).values["people"] == "{{ steps.rows.items }}"


def test_what_no_row_can_show_is_edited_as_text_and_never_lost():
    filled = form(people=[{"name": "Ann", "unknown": 1}, 3])

    assert filled.fields[0].widget == "structure"
    assert read(filled, sent_by(filled)).values["people"] == [{"name": "Ann", "unknown": 1}, 3]


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────

ROW = {"value": "{{ item.score }}", "is": "at_least", "to": 3}
NESTED = {"all": [ROW, {"any": [{"value": "{{ a }}", "is": "is_empty"}, {"value": "x", "is": "equal", "to": "y"}]}]}


@pytest.mark.parametrize("condition", [{"all": [ROW]}, {"any": [ROW, ROW]}, NESTED])
def test_a_condition_goes_through_the_form_unchanged(condition: dict[str, Any]):
    asked = Form((condition_field("when", condition),))

    assert read(asked, sent_by(asked)).values == {"when": condition}


def test_a_single_row_counts_as_a_group_of_one():
    asked = Form((condition_field("when", ROW),))

    assert read(asked, sent_by(asked)).values == {"when": {"all": [ROW]}}


def test_a_row_that_is_not_finished_says_so_and_an_empty_one_is_none():
    data = sent(when_mode="all", when_rows=["0", "1"], when_0_value="{{ a }}", when_0_is="equal", when_1_is="equal")

    filled = read(Form((condition_field("when"),)), data, as_typed=True)

    rows = filled.form.fields[0].rows
    assert [[part.error for part in row.fields] for row in rows] == [
        ["", "", "Say what to hold it against."],
        ["", "", ""],
    ]
    assert filled.values == {"when": {"all": [{"value": "{{ a }}", "is": "equal", "to": ""}]}}


def test_a_problem_inside_a_group_of_conditions_stands_at_its_row():
    asked = Form((condition_field("when", NESTED),)).with_errors({"when.all.1.any.1.value": "Gone."})

    assert {part.key: part.error for part in asked.fields[0].walk() if part.error} == {"when-1-1-value": "Gone."}


def test_every_operator_of_the_engine_has_words_and_suits_some_type():
    assert set(operator_words()) == set(conditions.OPERATORS)
    assert {name for names in OF_TYPE.values() for name in names} == set(conditions.OPERATORS)
    assert set(conditions.OPERATORS) >= ALONE


texts = some.text(some.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(str.strip)
rows = some.builds(lambda value, to: {"value": value.strip(), "is": "contains", "to": to.strip()}, texts, texts)
groups = some.builds(
    lambda mode, held: {mode: held}, some.sampled_from(["all", "any"]), some.lists(rows, min_size=1, max_size=3)
)
modes = some.sampled_from(["all", "any"])
whole = some.builds(
    lambda mode, held: {mode: held},
    modes,
    some.lists(some.one_of(rows, groups), min_size=1, max_size=4),
)


@given(whole)
def test_any_condition_that_can_be_built_is_read_back_as_it_is(condition: dict[str, Any]):
    asked = Form((condition_field("when", condition),))

    assert read(asked, sent_by(asked)).values == {"when": condition}
    assert list(conditions.problems(condition)) == []


@given(
    some.lists(some.fixed_dictionaries({"name": texts.map(str.strip)}, optional={"known": some.just(True)}), max_size=5)
)
def test_any_rows_come_back_as_they_were(people: list[dict[str, Any]]):
    filled = form_for_model(Book, {"people": people})

    assert read(filled, sent_by(filled)).values.get("people", []) == people


@pytest.mark.parametrize(
    "asked",
    [
        condition_field("when", NESTED, label="Only <when>"),
        text_field("value", "{{ a }} <b>", label="Value", long=True),
        *form(people=[{"name": "<b>"}], tags={"<i>": "<u>"}, address={"street": '"><script>'}).fields,
    ],
    ids=lambda asked: asked.name,
)
def test_every_widget_is_drawn_escaped_and_without_inline_style(asked: Any):
    html = render_to_string("forms/_field.html", {"field": asked})

    assert not any(bad in html for bad in ("<b>", "<i>", "<u>", "<script>", "<when>", "style=", "onclick"))
    assert html.count(f'id="{asked.id}-error"') == 1


class Stage(Model):
    """Nothing in it has to be said."""

    role: Literal["approver", "manager"] = "approver"
    person: str = PydanticField(default="", json_schema_extra=hint("choice", source="people"))
    needs: int = 1


class Named(Model):
    person: str = PydanticField(json_schema_extra=hint("choice", source="people"))


class Asked(Model):
    people: list[Named] = []
    then: list[Stage] = []


def asked_form(**values: Any) -> Form:
    people = [Choice("ada@x.example", "Ada"), Choice("bo@x.example", "Bo")]
    return form_for_model(Asked, values, sources={"people": people})


def test_a_row_of_one_choice_counts_once_something_is_chosen():
    data = sent(people_rows=["0", "1"], people_0_person="ada@x.example", people_1_person="")

    assert read(asked_form(), data).values["people"] == [{"person": "ada@x.example"}]


def test_choices_inside_rows_are_those_that_the_page_has_loaded():
    then = asked_form(then=[{"person": "bo@x.example"}]).fields[1]

    assert [choice.label for choice in then.rows[0].fields[1].offered] == ["Ada", "Bo"]


def test_a_row_in_which_nothing_has_to_be_said_counts_as_it_was_added():
    data = sent(then_rows=["0"], then_0_role="approver", then_0_person="", then_0_needs="1")

    filled = read(asked_form(), data)

    assert filled.values["then"] == [{}]
    assert read(asked_form(then=[{}]), sent_by(asked_form(then=[{}]))).values["then"] == [{}]


def test_the_spare_row_counts_only_when_something_in_it_is_other_than_at_the_beginning():
    untouched = sent(then_rows=["new"], then_new_role="approver", then_new_person="", then_new_needs="1")
    chosen = sent(then_rows=["new"], then_new_role="manager", then_new_person="", then_new_needs="1")

    assert "then" not in read(asked_form(), untouched).values
    assert read(asked_form(), chosen).values["then"] == [{"role": "manager"}]
