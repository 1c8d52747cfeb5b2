"""Give names to values, so that later steps can say what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from connectors.sdk import Action, Done, Field, Model, StepContext, hint

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}", re.ASCII)

# Liquid reads these as its own words: `{{ steps.facts.limit }}` is a mistake of syntax wherever it stands.
WORDS_OF_LIQUID = frozenset(
    {
        *("and", "as", "blank", "cols", "contains", "continue", "else", "empty", "false", "for", "if"),
        *("in", "limit", "nil", "not", "null", "offset", "or", "required", "reversed", "true", "with"),
    }
)

REFERENCE = re.compile(r"\{\{|\{%")


class SetValues(Action):
    """Keep values under names of your own."""

    kind = "data.set"
    title = "Set values"
    reads_as = "Set {values}"
    local = True
    icon = "variable"

    class Params(Model):
        values: dict[str, Any] = Field(
            title="Values",
            description="One line per value: a name, and what it stands for.",
            min_length=1,
            json_schema_extra=hint("key_value", example="deadline: {{ steps.facts.deadline }}"),
        )

    class Output(Model):
        """One field per name in `values`."""

        model_config = ConfigDict(extra="allow")

    def run(self, params: Params, ctx: StepContext) -> Done:
        return Done(dict(params.values))

    @classmethod
    def output_fields(cls, given: Mapping[str, Any]) -> dict[str, str] | None:
        values = given.get("values")
        if not isinstance(values, Mapping):
            return None
        return {str(name): json_type(value) for name, value in values.items()}

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        values = given.get("values")
        if not isinstance(values, Mapping):
            return {}
        wrong = [sentence for name in values if (sentence := problem_with(str(name)))]
        return {"values": " ".join(wrong)} if wrong else {}


def problem_with(name: str) -> str:
    """Why later steps could not refer to this name; empty when they can."""
    if not NAME.fullmatch(name):
        return f'"{name}" cannot be a name: use letters, digits and _, begin with a letter, at most 60 characters.'
    if name in WORDS_OF_LIQUID:
        return f'"{name}" is a word of the template language: choose another name, such as "{name}_value".'
    return ""


def json_type(value: Any) -> str:
    """JSON type of a value as written; a text that is one whole reference may become anything."""
    if isinstance(value, str):
        return "any" if REFERENCE.match(value.strip()) else "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, Mapping) else "any"
