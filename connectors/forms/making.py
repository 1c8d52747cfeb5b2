"""From declarations to fields: the inputs of a workflow, the pydantic models of step kinds, any JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from django.utils.translation import gettext as _
from pydantic import BaseModel

from connectors.forms.conditions import condition_parts
from connectors.forms.fields import ROWS, Choice, Field, Form
from connectors.forms.filling import filled, shown

WIDGETS = {"boolean": "switch"}
SIMPLE = {"string": "text", "integer": "number", "number": "number", "boolean": "switch"}
DEEPEST = 3
Sources = Mapping[str, Sequence[Choice]]


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


def form_for_inputs(inputs: Mapping[str, Input], *, prefix: str = "") -> Form:
    """The start form of a workflow."""
    return Form(tuple(_from_input(name, declared, prefix) for name, declared in inputs.items()))


def _from_input(name: str, declared: Input, prefix: str) -> Field:
    widget = WIDGETS.get(declared.type, declared.type)
    asked = Field(
        name=name,
        label=declared.title or spoken(name),
        widget=widget,
        help=declared.help,
        required=declared.required and widget != "switch",
        choices=choices_of(declared.choices or ()),
        prefix=prefix,
    )
    return asked if declared.default is None else replace(asked, value=shown(widget, declared.default))


def form_for_model(
    model: type[BaseModel],
    values: Mapping[str, Any] | None = None,
    *,
    prefix: str = "",
    takes_data: bool = False,
    sources: Sources | None = None,
) -> Form:
    """The form of a step kind's `Params`: widgets follow the types, or the `hint` of a parameter.

    `takes_data`: the values are those of a draft, in whose texts the data of earlier steps may be inserted. `sources`
    are the choices that a parameter with `hint(source=…)` offers: name → choices, loaded by the page that shows them.
    """
    schema = _schema_of(model)
    maker = _Maker(schema.get("$defs", {}), takes_data, sources or {})
    return Form(maker.fields(schema, prefix)).with_values(values or {})


def form_for_schema(schema: Mapping[str, Any], values: Mapping[str, Any] | None = None, *, prefix: str = "") -> Form:
    """The form of what a JSON Schema describes by its properties: the answer to a task, or what a step gives."""
    maker = _Maker(schema.get("$defs", {}), False, {})
    return Form(maker.fields(schema, prefix)).with_values(values or {})


@lru_cache(maxsize=1024)
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def condition_field(
    name: str, value: Mapping[str, Any] | None = None, *, label: str = "", help: str = "", prefix: str = ""
) -> Field:
    """One condition by itself, for a page that asks for no more: `when` of a step, the way of a branch.

    Draw it with `{% include "forms/_field.html" %}` inside an element with `data-forms` (see static/forms.js), read
    what comes back with `read(Form((field,)), request.POST)`: the value under its name, or none for “always”.
    """
    asked = Field(name, label or _("Only when"), "conditions", help, prefix=prefix, takes_data=True)
    asked = replace(asked, parts=condition_parts())
    return filled(asked, value) if value else asked


def text_field(
    name: str, value: Any = "", *, label: str, help: str = "", example: str = "", prefix: str = "", long: bool = False
) -> Field:
    """One text by itself in which data can be inserted: a result of the workflow, the output of a container."""
    asked = Field(name, label, "long_text" if long else "text", help, example, prefix=prefix, takes_data=True)
    return filled(asked, value)


def pairs_field(name: str, *, label: str, help: str = "", example: str = "") -> Field:
    """Named values by themselves, in each of which data can be inserted: what a container gives."""
    return Field(name, label, "key_value", help, example, takes_data=True, items="any", parts=key_value_parts(True))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Reads one JSON Schema as pydantic writes it."""

    defs: Mapping[str, Mapping[str, Any]]
    takes_data: bool
    sources: Sources

    def fields(self, schema: Mapping[str, Any], prefix: str, depth: int = 0) -> tuple[Field, ...]:
        needed = set(schema.get("required", ()))
        return tuple(
            self.field(name, self.resolved(part), name in needed, prefix, depth)
            for name, part in schema.get("properties", {}).items()
        )

    def field(self, name: str, part: Mapping[str, Any], required: bool, prefix: str, depth: int) -> Field:
        widget = part.get("x-widget") or self.widget(part, depth)
        default = part.get("default")
        asked = Field(
            name=name,
            label=part.get("title") or spoken(name),
            widget=widget,
            help=part.get("description", ""),
            example=part.get("x-example", ""),
            required=required and widget != "switch",
            advanced=bool(part.get("x-advanced")),
            choices=self.choices(part),
            prefix=prefix,
            default=default,
            takes_data=self.takes_data and not part.get("x-fixed"),
            items=_items(part, self.resolved(part.get("items", {}))),
            shown_when=_shown_when(part.get("x-when")),
            nothing=part.get("x-nothing", ""),
            one=part.get("x-one", ""),
            adds=part.get("x-adds", ""),
        )
        asked = replace(asked, parts=self.parts(asked, part, depth))
        return asked if default is None else filled(asked, default)

    def widget(self, part: Mapping[str, Any], depth: int) -> str:
        if "enum" in part or part.get("x-source"):
            return "choice"
        if part.get("format") == "date":
            return "date"
        if part.get("type") == "array":
            return self._widget_of_list(self.resolved(part.get("items", {})), depth)
        if part.get("properties") and depth < DEEPEST:
            return "group"
        if part.get("type") == "object" and part.get("additionalProperties"):
            return "key_value"
        return SIMPLE.get(part.get("type", ""), "structure")

    def _widget_of_list(self, item: Mapping[str, Any], depth: int) -> str:
        if item.get("properties") and depth < DEEPEST and "x-widget" not in item:
            return "rows"
        return "list" if item.get("type") in ("string", "integer", "number") else "structure"

    def parts(self, asked: Field, part: Mapping[str, Any], depth: int) -> tuple[Field, ...]:
        """The fields inside; those of a row carry the prefix of no row yet."""
        if asked.widget == "key_value":
            return key_value_parts(self.takes_data)
        if asked.widget == "conditions":
            return condition_parts()
        if asked.widget == "group":
            return self.fields(part, f"{asked.key}-", depth + 1)
        if asked.widget in ROWS:
            named, *others = self.fields(self.resolved(part.get("items", {})), "", depth + 1)
            return (replace(named, takes_data=False), *others)
        return ()

    def choices(self, part: Mapping[str, Any]) -> tuple[Choice, ...]:
        if source := part.get("x-source"):
            return tuple(self.sources.get(source, ()))
        labels = part.get("x-labels") or {}
        return tuple(Choice(str(value), str(labels.get(value, value))) for value in part.get("enum", ()))

    def resolved(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """The part with its reference looked up, and `X | None` read as X."""
        named = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
        if len(named) == 1:
            part = {**named[0], **{key: value for key, value in part.items() if key != "anyOf"}}
        if "$ref" not in part:
            return dict(part)
        target = self.defs[part["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in part.items() if key != "$ref"}
        return {**{key: value for key, value in target.items() if key not in ("title", "description")}, **own}


def key_value_parts(takes_data: bool) -> tuple[Field, ...]:
    return (
        Field("name", _("Name"), "text", required=True),
        Field("value", _("Value"), "text", takes_data=takes_data),
    )


def _items(part: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """JSON type of the things inside: `number` for list[int], `any` for dict[str, Any]."""
    if part.get("type") == "object":
        inner = part.get("additionalProperties")
        return "string" if isinstance(inner, Mapping) and inner.get("type") == "string" else "any"
    return "number" if item.get("type") in ("integer", "number") else ""


def _shown_when(hinted: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]] | None:
    if not hinted:
        return None
    ((name, values),) = hinted.items()
    return name, tuple(values)


def choices_of(given: Mapping[str, Any] | Sequence[Any]) -> tuple[Choice, ...]:
    pairs = given.items() if isinstance(given, Mapping) else ((one, one) for one in given)
    return tuple(Choice(str(value), str(label)) for value, label in pairs)


def spoken(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
