"""What was sent becomes values, and the form comes back as it was typed. Every error stands at its field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError

from connectors.forms import understanding
from connectors.forms.conditions import ALONE, condition_of
from connectors.forms.fields import GROUP, Field, Filled, Form, Row, with_prefix
from connectors.forms.understanding import NotUnderstood, clean_text, understood
from connectors.forms.wording import problems_of

MOST_ROWS = 500


def read(
    form: Form, data: QueryDict, files: MultiValueDict[str, UploadedFile] | None = None, *, as_typed: bool = False
) -> Filled:
    """Understand what a browser sent for this form; nothing is stored, and the form comes back as it was typed.

    `as_typed`: what was not understood is a value all the same, the text as it was typed (for a draft, which may hold
    what is not right yet), with its error at the field. Only what cannot be stored at all is left out.
    """
    reader = _Reader(data, files or MultiValueDict(), as_typed)
    values: dict[str, Any] = {}
    fields = []
    for asked in form.fields:
        answered, value = reader.answered(asked)
        fields.append(answered)
        if value is not None and (as_typed or not any(part.error for part in answered.walk())):
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
    """Place (`labels.0.name`) → what is wrong there."""
    return {wrong.place: wrong.sentence for wrong in problems_of(refused)}


def sent_by(form: Form) -> QueryDict:
    """What a browser sends for the form as it is shown and nobody has touched it. Uploads are not among it."""
    data = QueryDict(mutable=True)
    for asked in form.fields:
        for name, value in _sent(asked):
            data.appendlist(name, value)
    return data


def _sent(asked: Field) -> Iterator[tuple[str, str]]:
    if asked.widget == "group":
        for part in asked.parts:
            yield from _sent(part)
    elif asked.is_in_rows:
        yield from _sent_rows(asked)
    elif asked.widget == "switch":
        if asked.value:
            yield asked.key, "on"
    elif asked.widget == "file" and isinstance(asked.value, Mapping):
        yield f"{asked.key}-kept", str(asked.value.get("file", ""))
    else:
        yield asked.key, str(asked.value if asked.value is not None else "")


def _sent_rows(asked: Field) -> Iterator[tuple[str, str]]:
    if asked.widget == "conditions":
        yield f"{asked.key}-mode", asked.mode
    for row in asked.rows:
        yield f"{asked.key}-rows", row.index
        for part in row.fields:
            yield from _sent(part)
        if row.group is not None:
            yield from _sent_rows(row.group)


@dataclass(frozen=True, slots=True)
class _Reader:
    data: QueryDict
    files: MultiValueDict[str, UploadedFile]
    as_typed: bool

    def answered(self, asked: Field) -> tuple[Field, Any]:
        """The field as it was answered, and its value or None for no answer."""
        asked = replace(asked, error="")
        if asked.widget == "switch":
            value = asked.key in self.data
            return replace(asked, value=value), value
        if asked.widget == "group":
            return self._group(asked)
        if asked.is_in_rows and asked.key not in self.data:
            return self._needed(*self._rows(asked))
        return self._one(asked)

    def _one(self, asked: Field) -> tuple[Field, Any]:
        typed = self._file(asked) if asked.widget == "file" else self.data.get(asked.key, "")
        again = replace(asked, value=typed if isinstance(typed, str) else "")
        try:
            value = understood(asked, typed)
        except NotUnderstood as refused:
            return replace(again, error=str(refused)), self._as_it_stands(typed)
        return self._needed(again, value)

    def _as_it_stands(self, typed: Any) -> str | None:
        if not self.as_typed or not isinstance(typed, str):
            return None
        try:
            return clean_text(typed)
        except NotUnderstood:
            return None

    def _needed(self, asked: Field, value: Any) -> tuple[Field, Any]:
        if value is None and asked.required and not asked.error:
            return replace(asked, error=_("This is needed.")), None
        return asked, value

    def _file(self, asked: Field) -> UploadedFile | str:
        """A fresh upload wins over the data that was named, and that over the file that was there before."""
        upload = self.files.get(f"{asked.key}-upload" if asked.takes_data else asked.key)
        return upload or self.data.get(asked.key) or self.data.get(f"{asked.key}-kept", "")

    # ── things inside things ────────────────────────────────────────────────────────────────────────────────────────

    def _group(self, asked: Field) -> tuple[Field, Any]:
        parts, said = self._parts(asked.parts)
        if not any(value not in (None, False) for value in said.values()) and not asked.required:
            # Nothing was said about an optional thing: what its parts need is not missing then.
            return replace(asked, parts=tuple(replace(part, error="") for part in parts)), None
        return replace(asked, parts=parts), _without_defaults(parts, said)

    def _rows(self, asked: Field) -> tuple[Field, Any]:
        mode = self.data.get(f"{asked.key}-mode", asked.mode)
        asked = replace(asked, mode=mode if mode in ("all", "any") else "all")
        indices = list(dict.fromkeys(index for index in self.data.getlist(f"{asked.key}-rows") if index.isalnum()))
        if len(indices) > MOST_ROWS:
            return replace(asked, error=_("At most %(most)s rows fit.") % {"most": MOST_ROWS}), None
        read = [self._row(asked, index[:12]) for index in indices]
        answered = replace(asked, rows=tuple(row for row, _value in read), value="")
        return _put_together(answered, [(row, value) for row, value in read if not row.is_empty])

    def _row(self, asked: Field, index: str) -> tuple[Row, Any]:
        if asked.widget == "conditions":
            return self._condition_row(asked, index), None
        parts, said = self._parts(with_prefix(asked.parts, f"{asked.key}-{index}-"))
        row = Row(index, parts)
        if row.is_empty:
            return Row(index, tuple(replace(part, error="") for part in parts)), None
        return row, _without_defaults(parts, said)

    def _condition_row(self, asked: Field, index: str) -> Row:
        place = f"{asked.key}-{index}"
        if f"{place}-mode" in self.data:
            inner = replace(asked, name=place, prefix="", label=GROUP, error="", rows=(), required=False)
            return Row(index, group=self._rows(inner)[0])
        parts, _said = self._parts(with_prefix(asked.row_parts, f"{place}-"))
        row = Row(index, parts)
        if row.is_empty or row.operator.value in ALONE or row.to.error:
            return row if not row.is_empty else Row(index, tuple(replace(part, error="") for part in parts))
        if not str(row.to.value).strip():
            return Row(index, (*parts[:2], replace(row.to, error=_("Say what to hold it against."))))
        return row

    def _parts(self, parts: tuple[Field, ...]) -> tuple[tuple[Field, ...], dict[str, Any]]:
        read = [self.answered(part) for part in parts]
        return tuple(part for part, _value in read), {part.name: value for part, value in read if value is not None}


def _without_defaults(parts: tuple[Field, ...], said: Mapping[str, Any]) -> dict[str, Any]:
    """What a definition writes down of a thing: not what is assumed anyway."""
    defaults = {part.name: False if part.widget == "switch" else part.default for part in parts}
    return {name: value for name, value in said.items() if value != defaults[name]}


def _put_together(asked: Field, said: list[tuple[Row, Any]]) -> tuple[Field, Any]:
    if asked.widget == "conditions":
        return asked, condition_of(asked)
    if asked.widget == "key_value":
        return _pairs(asked, said)
    values = [value for _row, value in said]
    if asked.widget == "labels":
        name = asked.parts[0].name
        values = [value[name] if set(value) == {name} else value for value in values]
    return asked, values or None


def _pairs(asked: Field, said: list[tuple[Row, Any]]) -> tuple[Field, Any]:
    pairs: dict[str, Any] = {}
    for row, value in said:
        name = value.get("name", "")
        if name in pairs:
            asked = _with_row_error(asked, row, _("This name stands here twice."))
            continue
        text = value.get("value", "")
        pairs[name] = text if asked.items == "string" else understanding.meant(text)
    return asked, pairs or None


def _with_row_error(asked: Field, wrong: Row, sentence: str) -> Field:
    named, held = wrong.fields
    corrected = replace(wrong, fields=(replace(named, error=sentence), held))
    return replace(asked, rows=tuple(corrected if row is wrong else row for row in asked.rows))
