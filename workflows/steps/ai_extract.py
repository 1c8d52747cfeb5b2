"""Let an AI take named facts out of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, model_validator

from connectors.sdk import Action, Done, Field, Model, Rejected, StepContext, hint, prose

NAME = r"^[a-z][a-z0-9_]{0,39}$"
LONGEST_FACT = 400
LONGEST_ITEM = 300
MOST_ITEMS = 20

JSON_TYPES = {
    "text": "string",
    "number": "number",
    "date": "string",
    "boolean": "boolean",
    "choice": "string",
    "list": "array",
}


class Fact(Model):
    """One fact to look for."""

    name: str = Field(pattern=NAME, title="Name", json_schema_extra=hint("text"))
    type: Literal["text", "number", "date", "boolean", "choice", "list"] = Field(
        default="text",
        title="Type",
        json_schema_extra=hint(
            "choice",
            labels={
                "text": "Text",
                "number": "Number",
                "date": "Date",
                "boolean": "Yes or no",
                "choice": "One of several",
                "list": "Several texts",
            },
        ),
    )
    description: str = Field(default="", max_length=500, title="What to look for", json_schema_extra=hint("text"))
    required: bool = Field(default=False, title="Required", description="The step fails when the text does not say it.")
    choices: list[str] = Field(
        default_factory=list, max_length=50, title="Choices", json_schema_extra=hint("list", when={"type": ["choice"]})
    )

    @model_validator(mode="after")
    def _choices_where_needed(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("a choice, and nothing else, has choices")
        return self


def _all_different(facts: list[Fact]) -> list[Fact]:
    names = [fact.name for fact in facts]
    if len(set(names)) < len(names):
        raise ValueError("two fields have the same name")
    return facts


class Extract(Action):
    """Take named facts out of a text. What the text does not say stays empty; nothing is invented."""

    kind = "ai.extract"
    title = "Extract facts"
    reads_as = "Take {fields} from {text}"
    asks_model = True
    icon = "list-search"

    class Params(Model):
        text: prose.Readable = Field(
            min_length=1,
            max_length=prose.LONGEST_TEXT,
            title="Text",
            description="What to read; usually the text of a document or of an earlier step.",
            json_schema_extra=hint("long_text", example="{{ steps.contract.text }}"),
        )
        fields: Annotated[list[Fact], AfterValidator(_all_different)] = Field(
            min_length=1,
            max_length=30,
            title="Facts",
            description="What to look for; each becomes a value that later steps can use.",
            json_schema_extra=hint("fields", example="end_date, a date: when the contract ends"),
        )
        model: str = prose.model_field()

    class Output(Model):
        """One value per field; null for what the text does not say."""

        model_config = ConfigDict(extra="allow")

    def run(self, params: Params, ctx: StepContext) -> Done:
        parts = prose.pieces(params.text, ctx.models.room(model=params.model))
        if len(parts) > 1:
            ctx.note(f"The text is long: it was read in {len(parts)} parts.")
        found = merged([self._read(params, part, ctx) for part in parts], params.fields)

        missing = [fact.name for fact in params.fields if fact.required and found[fact.name] in (None, [])]
        if missing:
            raise Rejected(
                f"The text does not say: {', '.join(missing)}. Give a text that does, or make the field optional.",
                code="not_found",
                output=found,
            )
        told = sum(value not in (None, []) for value in found.values())
        return Done(found, summary=f"{told} of {len(found)} facts found")

    def _read(self, params: Params, text: str, ctx: StepContext) -> dict[str, Any]:
        data = ctx.models.ask(
            instructions(params.fields),
            {"text": text},
            schema=prose.form(**{fact.name: shape(fact) for fact in params.fields}),
            model=params.model,
            max_tokens=prose.tokens_for(sum(map(room, params.fields))),
            temperature=0,
        ).data
        return {fact.name: tidy(data[fact.name]) for fact in params.fields}

    @classmethod
    def output_shapes(cls, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        found = {}
        written = given.get("fields")
        for fact in written if isinstance(written, list) else ():
            try:
                found[str(fact["name"])] = shape(Fact.model_validate(fact))
            except (ValueError, TypeError, KeyError):
                continue
        return found

    @classmethod
    def output_fields(cls, given: Mapping[str, Any]) -> dict[str, str] | None:
        fields = given.get("fields")
        if not isinstance(fields, list) or not all(isinstance(fact, Mapping) for fact in fields):
            return None
        return {str(fact.get("name")): JSON_TYPES.get(str(fact.get("type", "text")), "any") for fact in fields}


def instructions(facts: list[Fact]) -> str:
    lines = [f"{fact.name} ({fact.type}): {fact.description or fact.name.replace('_', ' ')}" for fact in facts]
    dates = " Write dates as YYYY-MM-DD." if any(fact.type == "date" for fact in facts) else ""
    return "\n".join([f"Take these facts from the text. Use null for what it does not say.{dates}", *lines])


def shape(fact: Fact) -> dict[str, Any]:
    """The fact's part of the JSON Schema. Every fact may be missing: a model that may not say so invents."""
    match fact.type:
        case "text":
            return {"type": ["string", "null"], "maxLength": LONGEST_FACT}
        case "date":
            return {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}
        case "choice":
            return {"type": ["string", "null"], "enum": [*fact.choices, None]}
        case "list":
            return {"type": "array", "items": prose.text(LONGEST_ITEM), "maxItems": MOST_ITEMS}
        case other:
            return {"type": [other, "null"]}


def room(fact: Fact) -> int:
    """Characters that the fact's value may take."""
    return {"text": LONGEST_FACT, "list": LONGEST_ITEM * MOST_ITEMS // 4}.get(fact.type, 50)


def tidy(value: Any) -> Any:
    """Text without blanks around it; an empty one, or a word for "nothing", is no fact."""
    if isinstance(value, list):
        return list(dict.fromkeys(item for part in value if (item := part.strip())))
    if not isinstance(value, str):
        return value
    text = value.strip()
    return None if not text or re.fullmatch(r"null|none|n/a", text, re.IGNORECASE) else text


def merged(parts: list[dict[str, Any]], facts: list[Fact]) -> dict[str, Any]:
    """Of a text read in parts: the first part that tells a fact counts; lists are put together."""
    found: dict[str, Any] = {}
    for fact in facts:
        told = [part[fact.name] for part in parts if part[fact.name] is not None]
        if fact.type == "list":
            found[fact.name] = list(dict.fromkeys(item for items in told for item in items))
        else:
            found[fact.name] = told[0] if told else None
    return found
