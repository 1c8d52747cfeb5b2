"""What is wrong with a parameter, in the words of its form: “Text” is still empty. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Detail = Mapping[str, Any]
"""One error as pydantic describes it: type, loc, ctx, msg, input."""


def sentence(model: type[BaseModel], given: Any, detail: Detail) -> str:
    """One error of `model.model_validate(given)`, said with the titles of its fields."""
    if detail["type"] == "extra_forbidden":
        return f"There is no setting called “{detail['loc'][-1]}” here."
    what = ", ".join(_names(model, given, detail["loc"])) or "This"
    say = SENTENCES.get(detail["type"])
    return f"{what} {say(detail)}" if say else f"{what}: {detail['msg'].removeprefix('Value error, ').rstrip('.')}."


def _names(model: type[BaseModel] | None, given: Any, loc: tuple[int | str, ...]) -> Iterator[str]:
    """The way to the value as a person reads it: “Labels”, entry 2, “Name”."""
    value = given
    for part in loc:
        field = _field(model, part)
        if field is not None:
            yield f"“{field.title or str(part).replace('_', ' ').capitalize()}”"
            model = _inner(field.annotation)
        elif isinstance(part, int):
            yield f"entry {part + 1}"
        elif isinstance(value, Mapping) and part in value:
            yield f"“{part}”"
        else:
            # pydantic adds names of its own to the place (the member of a union); they stand nowhere in the value.
            continue
        value = _member(value, part)


def _field(model: type[BaseModel] | None, part: int | str) -> FieldInfo | None:
    fields = model.model_fields if model is not None else {}
    by_alias = {field.alias: field for field in fields.values() if field.alias}
    return by_alias.get(str(part)) or fields.get(str(part))


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part)) is not None), None)


def _member(value: Any, part: int | str) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _empty(detail: Detail) -> str:
    return "is still empty."


def _too_short(detail: Detail) -> str:
    least = detail["ctx"]["min_length"]
    if least == 1:
        return "is still empty."
    return f"needs at least {least} {'characters' if detail['type'].startswith('string') else 'entries'}."


def _too_long(detail: Detail) -> str:
    most, thing = detail["ctx"]["max_length"], "characters" if detail["type"].startswith("string") else "entries"
    return f"takes at most {most:,} {thing if most != 1 else thing.replace('ies', 'y').rstrip('s')}."


def _one_of(detail: Detail) -> str:
    return f"must be one of {detail['ctx']['expected']}."


def _form(detail: Detail) -> str:
    return "is not written in the form that is wanted."


def _must(what: str) -> Callable[[Detail], str]:
    def say(detail: Detail) -> str:
        return f"must be {what}."

    return say


def _bound(words: str, name: str) -> Callable[[Detail], str]:
    def say(detail: Detail) -> str:
        return f"must be {words} {detail['ctx'][name]:,}."

    return say


_TEXT, _WHOLE, _NUMBER = _must("a text"), _must("a whole number"), _must("a number")
_YES_NO, _LIST, _GROUP = _must("yes or no"), _must("a list"), _must("a group of values")
SENTENCES: Mapping[str, Callable[[Detail], str]] = {
    "missing": _empty,
    "string_too_short": _too_short,
    "too_short": _too_short,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": _LIST,
    "dict_type": _GROUP,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "literal_error": _one_of,
    "enum": _one_of,
    "string_pattern_mismatch": _form,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
}
