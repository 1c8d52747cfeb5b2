"""The one form builder: a pydantic model, or the inputs of a workflow, becomes a form; what was sent becomes values.

Pure data in and out: `Form` and `Field` are rendered by templates/forms/, and `read` gives back JSON values, or an
`UploadedFile` for a file. Every error stands at its field, as a sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError

MAX_CHARACTERS = 100_000
MAX_LINES = 10_000
STRUCTURES = frozenset({"key_value", "labels", "fields", "conditions", "structure"})
WIDGETS = {"boolean": "switch"}


class Input(Protocol):
    """One input of a workflow, as its definition declares it. Read, never written."""

    @property
    def type(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...
    @property
    def choices(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `value` is what the widget shows: text as typed, a bool for a switch, a stored file's reference."""

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

    @property
    def key(self) -> str:
        """The name under which the browser sends it."""
        return f"{self.prefix}{self.name}"

    @property
    def is_structure(self) -> bool:
        return self.widget in STRUCTURES


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
        return not self.error and not any(asked.error for asked in self.fields)

    def with_values(self, values: Mapping[str, Any]) -> Form:
        """The same form filled with JSON values; a name that it does not ask for is left out."""
        filled = [
            replace(asked, value=shown(asked.widget, values[asked.name])) if asked.name in values else asked
            for asked in self.fields
        ]
        return replace(self, fields=tuple(filled))

    def with_errors(self, errors: Mapping[str, str]) -> Form:
        """The same form with a sentence at each named field; what belongs to no field stands above the form."""
        names = {asked.name for asked in self.fields}
        fields = tuple(replace(asked, error=errors.get(asked.name, asked.error)) for asked in self.fields)
        rest = " ".join(sentence for name, sentence in errors.items() if name not in names)
        return replace(self, fields=fields, error=rest or self.error)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was sent. `form` shows it again, with errors; `values` holds what was understood, by name.

    A field left empty is not in `values`. A file is an `UploadedFile`, or the id (str) of one stored earlier.
    """

    form: Form
    values: Mapping[str, Any] = field(default_factory=dict)


class NotUnderstood(ValueError):
    """What was typed is not what the field asks for; the text is the sentence at the field."""


# ── making a form ────────────────────────────────────────────────────────────────────────────────────────────────────


def form_for_inputs(inputs: Mapping[str, Input], *, prefix: str = "") -> Form:
    """The start form of a workflow."""
    return Form(tuple(_from_input(name, declared, prefix) for name, declared in inputs.items()))


def _from_input(name: str, declared: Input, prefix: str) -> Field:
    widget = WIDGETS.get(declared.type, declared.type)
    asked = Field(
        name=name,
        label=declared.title or _spoken(name),
        widget=widget,
        help=declared.help,
        required=declared.required and widget != "switch",
        choices=_choices(declared.choices or ()),
        prefix=prefix,
    )
    return asked if declared.default is None else replace(asked, value=shown(widget, declared.default))


def form_for_model(model: type[BaseModel], values: Mapping[str, Any] | None = None, *, prefix: str = "") -> Form:
    """The form of a step kind's `Params`: widgets follow the types, or the `hint` of a parameter."""
    schema = model.model_json_schema()
    needed = set(schema.get("required", ()))
    fields = [
        _from_schema(name, _resolved(part, schema), name in needed, prefix)
        for name, part in schema.get("properties", {}).items()
    ]
    return Form(tuple(fields)).with_values(values or {})


def _from_schema(name: str, part: Mapping[str, Any], required: bool, prefix: str) -> Field:
    widget = part.get("x-widget") or _widget(part)
    asked = Field(
        name=name,
        label=part.get("title") or _spoken(name),
        widget=widget,
        help=part.get("description", ""),
        example=part.get("x-example", ""),
        required=required and widget != "switch",
        advanced=bool(part.get("x-advanced")),
        choices=_choices(part.get("enum", ())),
        prefix=prefix,
    )
    default = part.get("default")
    return asked if default is None else replace(asked, value=shown(widget, default))


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The part with its reference looked up, and `X | None` read as X."""
    named = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    if len(named) == 1:
        part = {**named[0], **{key: value for key, value in part.items() if key != "anyOf"}}
    if "$ref" not in part:
        return dict(part)
    target = schema["$defs"][part["$ref"].rpartition("/")[2]]
    own = {key: value for key, value in part.items() if key != "$ref"}
    return {**{key: value for key, value in target.items() if key != "title"}, **own}


def _widget(part: Mapping[str, Any]) -> str:
    if "enum" in part:
        return "choice"
    if part.get("type") == "array" and part.get("items", {}).get("type") == "string":
        return "list"
    if part.get("format") == "date":
        return "date"
    simple = {"string": "text", "integer": "number", "number": "number", "boolean": "switch"}
    return simple.get(part.get("type", ""), "structure")


def _choices(given: Mapping[str, Any] | Sequence[Any]) -> tuple[Choice, ...]:
    pairs = given.items() if isinstance(given, Mapping) else ((one, one) for one in given)
    return tuple(Choice(str(value), str(label)) for value, label in pairs)


def _spoken(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()


def shown(widget: str, value: Any) -> Any:
    """A JSON value as its widget shows it."""
    if widget in ("switch", "file"):
        return value
    if value is None:
        return ""
    if widget == "list" and isinstance(value, list):
        return "\n".join(str(line) for line in value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)


# ── reading what was sent ────────────────────────────────────────────────────────────────────────────────────────────


def read(form: Form, data: QueryDict, files: MultiValueDict[str, UploadedFile] | None = None) -> Filled:
    """Understand what a browser sent for this form; nothing is stored, and the form comes back as it was typed."""
    values: dict[str, Any] = {}
    fields = []
    for asked in form.fields:
        answered, value = _answered(asked, data, files or MultiValueDict())
        fields.append(answered)
        if value is not None and not answered.error:
            values[asked.name] = value
    return Filled(replace(form, fields=tuple(fields)), values)


def read_model(form: Form, model: type[BaseModel], data: QueryDict) -> Filled:
    """Like `read`, and the model's own rules are kept: its errors stand at their fields."""
    filled = read(form, data)
    if not filled.form.is_good:
        return filled
    try:
        model.model_validate(dict(filled.values))
    except ValidationError as refused:
        return replace(filled, form=filled.form.with_errors(sentences(refused)))
    return filled


def sentences(refused: ValidationError) -> dict[str, str]:
    """Field → what is wrong with it."""
    found: dict[str, str] = {}
    for error in refused.errors(include_url=False, include_context=False, include_input=False):
        place = [str(part) for part in error["loc"]]
        inside = f" ({', '.join(place[1:])})" if place[1:] else ""
        text = _("This is needed.") if error["type"] == "missing" else f"{error['msg'].rstrip('.')}."
        found.setdefault(place[0] if place else "", text + inside)
    return found


def _answered(asked: Field, data: QueryDict, files: MultiValueDict[str, UploadedFile]) -> tuple[Field, Any]:
    """The field as it was answered, and its value or None for no answer."""
    if asked.widget == "switch":
        value = asked.key in data
        return replace(asked, value=value, error=""), value
    typed = _file(asked, data, files) if asked.widget == "file" else data.get(asked.key, "")
    shown_again = replace(asked, value=typed if isinstance(typed, str) else "", error="")
    try:
        value = understood(asked, typed)
    except NotUnderstood as refused:
        return replace(shown_again, error=str(refused)), None
    if value is None and asked.required:
        return replace(shown_again, error=_("This is needed.")), None
    return shown_again, value


def _file(asked: Field, data: QueryDict, files: MultiValueDict[str, UploadedFile]) -> UploadedFile | str:
    """A fresh upload wins over the file that was there before."""
    return files.get(asked.key) or data.get(f"{asked.key}-kept", "")


def understood(asked: Field, typed: Any) -> Any:
    """The JSON value of what was typed, None when nothing was. Raises NotUnderstood."""
    if isinstance(typed, UploadedFile):
        return _uploaded(typed)
    text = clean_text(typed)
    if not text.strip():
        return None
    reader = READERS.get(asked.widget, _text)
    return reader(asked, text)


def clean_text(text: str) -> str:
    """Line ends as \\n. Raises NotUnderstood for what no database and no model can take."""
    if len(text) > MAX_CHARACTERS:
        raise NotUnderstood(
            _("This has %(count)s characters; at most %(most)s fit. Shorten it, or give it as a file.")
            % {"count": f"{len(text):,}", "most": f"{MAX_CHARACTERS:,}"}
        )
    if "\x00" in text:
        raise NotUnderstood(_("There is a NUL character in it, which cannot be stored. Paste it as plain text."))
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NotUnderstood(_("There is half a character in it (a lone surrogate). Paste it again as plain text."))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _uploaded(upload: UploadedFile) -> UploadedFile:
    if not upload.size:
        raise NotUnderstood(_("This file is empty. Choose another one."))
    if upload.size > settings.UPLOAD_MAX_BYTES:
        sizes = {"size": filesizeformat(upload.size), "most": filesizeformat(settings.UPLOAD_MAX_BYTES)}
        raise NotUnderstood(_("This file has %(size)s; at most %(most)s are taken. Choose a smaller one.") % sizes)
    return upload


def _text(asked: Field, text: str) -> str:
    return text.strip("\n") if asked.widget == "long_text" else text.strip()


def _number(asked: Field, text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise NotUnderstood(_("Write a number, for example 12 or 3.5."))
    if math.isinf(number):
        raise NotUnderstood(_("This number is too large to work with."))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _date(asked: Field, text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise NotUnderstood(_("Write a date as year-month-day, for example 2026-03-31.")) from None


def _choice(asked: Field, text: str) -> str:
    if text not in {choice.value for choice in asked.choices}:
        raise NotUnderstood(_("Choose one of the offered values."))
    return text


def _list(asked: Field, text: str) -> list[str] | None:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_LINES:
        raise NotUnderstood(_("At most %(most)s lines fit.") % {"most": f"{MAX_LINES:,}"})
    return lines


def _structure(asked: Field, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as wrong:
        place = {"line": wrong.lineno, "column": wrong.colno}
        raise NotUnderstood(_("This is not JSON: look at line %(line)s, column %(column)s.") % place) from None
    except RecursionError:
        raise NotUnderstood(_("This is nested too deeply.")) from None


def _no_number(name: str) -> Any:
    raise NotUnderstood(_("%(name)s is not a number.") % {"name": name})


READERS: Mapping[str, Callable[[Field, str], Any]] = {
    "number": _number,
    "date": _date,
    "choice": _choice,
    "list": _list,
    **dict.fromkeys(STRUCTURES, _structure),
}
