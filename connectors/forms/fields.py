"""What a form is made of: fields with what they show. Pure data; templates/forms/ draws it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

STRUCTURES = frozenset({"key_value", "labels", "fields", "rows", "group", "conditions", "structure", "json"})
ROWS = frozenset({"key_value", "labels", "fields", "rows"})
TYPED = frozenset({"text", "long_text", "number", "date", "list", "file", "json", "structure"})
LONG = frozenset({"long_text", "list", "json", "structure"})
HOLD_DATA = frozenset({"text", "long_text", "list", "json", "number", "file"})
SPARE = "new"
"""The number of the empty row that stands there where the browser runs no scripts."""
GROUP = "(group)"
"""The label of a group inside a condition; it is never drawn."""
BLANK = "__i__"
"""Stands for the number of a row in the blank row that the browser copies."""

_INSERTED = re.compile(r"\{\{-?\s*([\w.\-\[\]]+)[^}]*\}\}")


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an example: words, or data as a chip."""

    text: str
    is_data: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list of things. `index` is its number in the browser, which need not follow the order."""

    index: str
    fields: tuple[Field, ...] = ()
    group: Field | None = None
    """In a condition: a group of rows in the place of one."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said in it.

        A row that somebody has added counts as it stands where nothing in it has to be said; the spare one does once
        something in it is other than at the beginning.
        """
        if self.group is not None:
            return not any(not row.is_empty for row in self.group.rows)
        if any(_says_something(part) for part in self.fields):
            return False
        if any(part.required for part in self.fields):
            return True
        return self.index in (SPARE, BLANK) and not any(_is_other(part) for part in self.fields)

    @property
    def plain(self) -> list[Field]:
        return [part for part in self.fields if not part.advanced]

    @property
    def more(self) -> list[Field]:
        return [part for part in self.fields if part.advanced]

    @property
    def more_is_said(self) -> bool:
        return any(part.error or _says_something(part) for part in self.more)

    @property
    def more_label(self) -> str:
        return ", ".join(part.label for part in self.more)

    @property
    def value(self) -> Field:
        """In a condition: what is looked at."""
        return self.fields[0]

    @property
    def operator(self) -> Field:
        return self.fields[1]

    @property
    def to(self) -> Field:
        return self.fields[2]


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `value` is what the widget shows: text as typed, a bool for a switch, a stored file's reference.

    `parts` are the fields of a group, or those of a new row; `rows` the rows that are there. With `takes_data` the
    texts may hold references to the data of earlier steps, and a value may be one reference. `mode` is all or any.
    """

    name: str
    label: str
    widget: str
    help: str = ""
    example: str = ""
    required: bool = False
    advanced: bool = False
    choices: tuple[Choice, ...] = ()
    value: Any = ""
    error: str = ""
    prefix: str = ""
    default: Any = None
    takes_data: bool = False
    items: str = ""
    """JSON type of the things in a list, where they are no texts; `any` where a text may mean a number."""
    parts: tuple[Field, ...] = ()
    rows: tuple[Row, ...] = ()
    mode: str = "all"
    preview: str = ""
    shown_when: tuple[str, tuple[str, ...]] | None = None
    """Asked for only while the field of this name beside it says one of these values."""
    nothing: str = ""
    """What no choice at all is called."""
    one: str = ""
    adds: str = ""
    """What one of its rows is called, and the button that adds one."""
    clash: Any = None
    """What somebody else has put here meanwhile, drawn above the answer; see `workflows.pages.build_forms`."""

    @property
    def key(self) -> str:
        """The name under which the browser sends it."""
        return f"{self.prefix}{self.name}"

    @property
    def id(self) -> str:
        return f"f-{self.key}"

    @property
    def is_structure(self) -> bool:
        return self.widget in STRUCTURES

    @property
    def is_row_list(self) -> bool:
        return self.widget in ROWS and bool(self.parts)

    @property
    def is_in_rows(self) -> bool:
        """Whether it is drawn and sent row by row; else as one text."""
        return self.is_row_list or self.widget == "conditions"

    @property
    def is_code(self) -> bool:
        return self.is_structure and self.template == "forms/_text.html" and self.widget != "json"

    @property
    def is_long(self) -> bool:
        return self.widget in LONG or self.is_code or (self.widget in TYPED and "\n" in str(self.value))

    @property
    def has_chips(self) -> bool:
        """Whether the data of earlier steps can be inserted into what is typed here."""
        return self.takes_data and self.widget in HOLD_DATA

    @property
    def is_kept(self) -> bool:
        """Whether a stored file stands here already."""
        return bool(self.value) and not (self.takes_data and isinstance(self.value, str))

    @property
    def reference(self) -> str:
        """Of a file that comes from an earlier step: the reference."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def offered(self) -> tuple[Choice, ...]:
        """The choices, and the present value where it is none of them (any more): it is shown, not lost."""
        if not self.value or any(choice.value == self.value for choice in self.choices):
            return self.choices
        return (*self.choices, Choice(str(self.value), _("%(value)s (no longer offered)") % {"value": self.value}))

    @property
    def offers_nothing(self) -> bool:
        return not self.default

    @property
    def is_optional(self) -> bool:
        """Whether it may stay empty: not where something counts from the beginning."""
        return not self.required and not self.default

    @property
    def in_group(self) -> bool:
        """Of conditions: whether these rows stand inside a group already, for groups are nested once."""
        return self.label == GROUP

    @property
    def operators(self) -> str:
        """For the scripts: which operators suit which type, and which need nothing to hold against."""
        from connectors.forms.conditions import ALONE, OF_TYPE

        return json.dumps({"of_type": OF_TYPE, "alone": sorted(ALONE)})

    @property
    def one_of_it(self) -> str:
        return self.one or {"labels": _("Label"), "fields": _("Fact"), "key_value": _("Line")}.get(
            self.widget, _("Row")
        )

    @property
    def add_words(self) -> str:
        words = {"labels": _("Add a label"), "fields": _("Add a fact"), "key_value": _("Add a line")}
        return self.adds or words.get(self.widget, _("Add a row"))

    @property
    def template(self) -> str:
        drawn_as = TEMPLATES.get(self.widget, "text")
        return f"forms/_{'text' if drawn_as == 'rows' and not self.parts else drawn_as}.html"

    @property
    def spare(self) -> Row:
        return Row(SPARE, with_prefix(self.row_parts, f"{self.key}-{SPARE}-"))

    @property
    def row_parts(self) -> tuple[Field, ...]:
        """The fields of a row as it begins."""
        from connectors.forms.conditions import condition_parts

        return self.parts or (condition_parts() if self.widget == "conditions" else ())

    @property
    def blank(self) -> Row:
        """A row as it begins, for the browser to copy."""
        return Row(BLANK, with_prefix(self.row_parts, f"{self.key}-{BLANK}-"))

    @property
    def blank_group(self) -> Row:
        """A group of conditions as it begins."""
        place = f"{self.key}-{BLANK}"
        first = Row("0", with_prefix(self.row_parts, f"{place}-0-"))
        inner = replace(self, name=place, prefix="", label=GROUP, rows=(first,), mode="any", error="", required=False)
        return Row(BLANK, group=inner)

    @property
    def example_pieces(self) -> list[Piece]:
        """The example with its references as a person reads them: `{{ steps.facts.end }}` is facts ▸ end."""
        parts = _INSERTED.split(self.example)
        return [
            Piece(_spoken_reference(part) if index % 2 else part, bool(index % 2)) for index, part in enumerate(parts)
        ]

    def walk(self) -> Iterator[Field]:
        """This field and every one inside it that can be answered."""
        yield self
        if self.widget == "group":
            yield from (inner for part in self.parts for inner in part.walk())
        for row in self.rows:
            yield from (inner for part in row.fields for inner in part.walk())
            if row.group is not None:
                yield from row.group.walk()


TEMPLATES: Mapping[str, str] = {
    "switch": "switch",
    "choice": "choice",
    "file": "file",
    "labels": "rows",
    "fields": "rows",
    "rows": "rows",
    "key_value": "rows",
    "group": "group",
    "conditions": "conditions",
    "secret": "secret",
}


@dataclass(frozen=True, slots=True)
class Form:
    fields: tuple[Field, ...]
    error: str = ""

    @property
    def has_files(self) -> bool:
        return any(asked.widget == "file" for asked in self.fields)

    @property
    def plain(self) -> list[Field]:
        return [asked for asked in self.fields if not asked.advanced]

    @property
    def advanced(self) -> list[Field]:
        return [asked for asked in self.fields if asked.advanced]

    @property
    def is_good(self) -> bool:
        return not self.error and not any(inner.error for asked in self.fields for inner in asked.walk())

    def with_values(self, values: Mapping[str, Any]) -> Form:
        """The same form filled with JSON values; a name that it does not ask for is left out."""
        from connectors.forms.filling import filled

        fields = [filled(asked, values[asked.name]) if asked.name in values else asked for asked in self.fields]
        return replace(self, fields=tuple(fields))

    def with_errors(self, errors: Mapping[str, str]) -> Form:
        """The same form with a sentence at each named place; what belongs to no field stands above the form.

        A place inside a field is dotted: `labels.0.name` is the name of the first label that is not empty.
        """
        fields = list(self.fields)
        rest = []
        for place, sentence in errors.items():
            name, *inside = place.split(".")
            index = next((number for number, asked in enumerate(fields) if asked.name == name), None)
            if index is None:
                rest.append(sentence)
            else:
                fields[index] = with_error(fields[index], inside, sentence)
        return replace(self, fields=tuple(fields), error=" ".join(rest) or self.error)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was sent. `form` shows it again, with errors; `values` holds what was understood, by name.

    A field left empty is not in `values`. A file is an `UploadedFile`, or the id (str) of one stored earlier.
    """

    form: Form
    values: Mapping[str, Any] = field(default_factory=dict)


def with_error(asked: Field, place: list[str], sentence: str) -> Field:
    """The field with the sentence at a place inside it, or at itself where the place is not drawn.

    Of several sentences at one place the first one stays.
    """
    if asked.is_row_list and place and place[0].isdigit():
        return _with_error_in_row(asked, int(place[0]), place[1:], sentence)
    if asked.widget == "conditions" and place:
        return _with_error_in_condition(asked, place, sentence)
    if asked.widget == "key_value" and place:
        number = next((n for n, row in enumerate(_said_rows(asked)) if row.fields[0].value == place[0]), None)
        if number is not None:
            return _with_error_in_row(asked, number, ["value"], sentence)
    if asked.widget == "group" and place:
        parts = _with_error_in(asked.parts, place, sentence)
        if parts is not None:
            return replace(asked, parts=parts)
    return replace(asked, error=asked.error or sentence)


def _with_error_in_condition(asked: Field, place: list[str], sentence: str) -> Field:
    """`all.0.value` is what the first row looks at; a single row that stands alone is `value`."""
    inside = place[1:] if place[0] in ("all", "any") else ["0", *place]
    number = int(inside[0]) if inside and inside[0].isdigit() else -1
    said = _said_rows(asked)
    if not 0 <= number < len(said):
        return replace(asked, error=asked.error or sentence)
    if (group := said[number].group) is None:
        return _with_error_in_row(asked, number, inside[1:], sentence)
    corrected = replace(said[number], group=with_error(group, inside[1:], sentence))
    return replace(asked, rows=tuple(corrected if row is said[number] else row for row in asked.rows))


def _said_rows(asked: Field) -> list[Row]:
    return [row for row in asked.rows if not row.is_empty]


def _with_error_in_row(asked: Field, number: int, place: list[str], sentence: str) -> Field:
    said = _said_rows(asked)
    if number >= len(said):
        return replace(asked, error=asked.error or sentence)
    wanted = said[number]
    fields = _with_error_in(wanted.fields, place, sentence)
    if fields is None:
        fields = (with_error(wanted.fields[0], [], sentence), *wanted.fields[1:])
    rows = tuple(replace(row, fields=fields) if row is wanted else row for row in asked.rows)
    return replace(asked, rows=rows)


def _with_error_in(parts: tuple[Field, ...], place: list[str], sentence: str) -> tuple[Field, ...] | None:
    """The parts with the sentence at the place, or None where the place names none of them."""
    names = {part.name for part in parts}
    # pydantic adds names of its own to a place (the member of a union): they are drawn nowhere.
    at = next((index for index, segment in enumerate(place) if segment in names), None)
    if at is None:
        return None
    return tuple(with_error(part, place[at + 1 :], sentence) if part.name == place[at] else part for part in parts)


def with_prefix(parts: tuple[Field, ...], prefix: str) -> tuple[Field, ...]:
    """Unfilled fields in another place; those of a group inside them follow."""
    return tuple(
        replace(part, prefix=prefix, parts=with_prefix(part.parts, f"{prefix}{part.name}-"))
        if part.widget == "group"
        else replace(part, prefix=prefix)
        for part in parts
    )


def _says_something(part: Field) -> bool:
    if part.rows:
        return any(not row.is_empty for row in part.rows)
    if part.widget == "group":
        return any(_says_something(inner) for inner in part.parts)
    if part.widget == "choice":
        return part.offers_nothing and bool(part.value)
    return part.widget in TYPED and bool(str(part.value or "").strip()) and not _is_as_assumed(part)


def _is_as_assumed(part: Field) -> bool:
    """Whether a number says just what counts where nothing is said."""
    return part.widget == "number" and part.default is not None and str(part.value).strip() == str(part.default)


def _is_other(part: Field) -> bool:
    """Whether something else is chosen than at the beginning."""
    return part.widget == "choice" and not part.offers_nothing and part.value != part.default


def _spoken_reference(path: str) -> str:
    names = [name.replace("_", " ") for name in re.split(r"[.\[\]]+", path) if name]
    return " ▸ ".join(names[1:] if names[0] in ("steps", "inputs") and len(names) > 1 else names)
