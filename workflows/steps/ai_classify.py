"""Let an AI sort a text into labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose

LONGEST_REASON = 200


class Label(Model):
    """One label: what it is called, when it applies, and texts it applies to."""

    name: str = Field(
        min_length=1,
        max_length=80,
        title="Name",
        json_schema_extra=hint("text"),
    )
    description: str = Field(default="", max_length=500, title="When it applies", json_schema_extra=hint("text"))
    examples: list[str] = Field(
        default_factory=list,
        max_length=5,
        title="Examples",
        description="Up to five texts to which it applies.",
        json_schema_extra=hint("list", advanced=True),
    )


def _as_label(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _all_different(labels: list[Label]) -> list[Label]:
    names = [label.name.casefold() for label in labels]
    if len(set(names)) < len(names):
        raise ValueError("two labels have the same name")
    return labels


class Classify(Action):
    """Sort a text into one of your own labels."""

    kind = "ai.classify"
    title = "Sort a text"
    reads_as = "Sort {text} into {labels}"
    asks_model = True
    icon = "tags"

    class Params(Model):
        text: prose.Readable = Field(
            min_length=1,
            max_length=prose.LONGEST_TEXT,
            title="Text",
            description="What is to be sorted; usually the text of an earlier step or an answer from the start form.",
            json_schema_extra=hint("long_text", example="{{ inputs.article }}"),
        )
        labels: Annotated[list[Annotated[Label, BeforeValidator(_as_label)]], AfterValidator(_all_different)] = Field(
            min_length=2,
            max_length=30,
            title="Labels",
            description="One of them will be chosen. A word on when it applies makes the choice surer.",
            json_schema_extra=hint("labels", example="positive, neutral, negative"),
        )
        about: prose.Readable = Field(
            default="",
            max_length=5_000,
            title="What to judge",
            description="What the labels are about, if the text alone does not say it.",
            json_schema_extra=hint("text", example="the tone towards {{ department.name }}"),
        )
        model: str = prose.model_field()

    class Output(Model):
        label: str = Field(title="Label")
        confidence: float = Field(
            default=1, ge=0, le=1, title="Confidence", description="How sure the AI says it is, 0 to 1."
        )
        reason: str = Field(default="", title="Reason", description="The words of the text that the AI goes by.")

    @classmethod
    def output_shapes(cls, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """The label is one of those that stand there."""
        shapes = super().output_shapes(given)
        labels = given.get("labels")
        found = map(_as_label, labels if isinstance(labels, list) else ())
        names = [label.get("name") for label in found if isinstance(label, Mapping)]
        return {**shapes, "label": {**shapes["label"], "enum": [name for name in names if isinstance(name, str)]}}

    def run(self, params: Params, ctx: StepContext) -> Done:
        data = ctx.models.ask(
            instructions(params),
            {"text": params.text},
            schema=prose.form(
                label={"type": "string", "enum": [label.name for label in params.labels]},
                confidence={"type": "integer", "minimum": 0, "maximum": 100, "description": "how sure, in percent"},
                reason=prose.text(LONGEST_REASON, least=0, described="the words of the text that tell"),
            ),
            model=params.model,
            max_tokens=prose.tokens_for(LONGEST_REASON),
            temperature=0,
        ).data

        output = self.Output(label=data["label"], confidence=data["confidence"] / 100, reason=data["reason"].strip())
        return Done(output, summary=f"{output.label} ({data['confidence']} %)")


def instructions(params: Classify.Params) -> str:
    names = ", ".join(label.name for label in params.labels)
    lines = [f"Sort the text into one of the labels: {names}."]
    if params.about:
        lines.append(f"Judge: {params.about.strip()}")
    for label in params.labels:
        if label.description or label.examples:
            examples = f" For example: {' | '.join(label.examples)}" if label.examples else ""
            lines.append(f"{label.name}: {label.description}{examples}")
    return "\n".join([*lines, "confidence: how sure you are, in percent", "reason: the words of the text that tell"])
