"""Let an AI say a long text in a few words."""

from __future__ import annotations

from typing import Any, Literal

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose

WORDS_PER_POINT = 25
MOST_POINTS = 12
MOST_PASSES = 3


class Summarise(Action):
    """Summarise a text. A text too long for the model is summarised in parts first."""

    kind = "ai.summarise"
    title = "Summarise a text"
    reads_as = "Summarise {text} in {max_words} words"
    asks_model = True
    icon = "file-text"

    class Params(Model):
        text: prose.Readable = Field(
            min_length=1,
            max_length=prose.LONGEST_TEXT,
            title="Text",
            description="What to summarise. Long texts are read in parts.",
            json_schema_extra=hint("long_text", example="{{ steps.read.text }}"),
        )
        max_words: int = Field(
            default=120,
            ge=10,
            le=1_000,
            title="Words at most",
            description="How long the summary may get, from 10 to 1,000 words.",
            json_schema_extra=hint("number", example="120"),
        )
        form: Literal["paragraph", "bullets"] = Field(
            default="paragraph",
            title="Form",
            description="Running text, or a list of points.",
            json_schema_extra=hint("choice", labels={"paragraph": "Running text", "bullets": "List of points"}),
        )
        focus: str = Field(
            default="",
            max_length=500,
            title="Focus",
            description="What matters most to the reader.",
            json_schema_extra=hint("text", example="deadlines and money"),
        )
        style: str = Field(
            default="",
            max_length=500,
            title="Style",
            description="For whom it is, and how it should sound.",
            json_schema_extra=hint("text", example="plain sentences for the management"),
        )
        model: str = prose.model_field()

    class Output(Model):
        text: str = Field(title="Summary")
        points: list[str] = Field(
            default_factory=list, title="Points", description="The list, where points were asked."
        )

    def run(self, params: Params, ctx: StepContext) -> Done:
        text = self._shortened(params, ctx)
        if params.form == "bullets":
            points = _points(params, text, ctx)
            return Done(self.Output(text=_as_list(points), points=points), summary=f"{len(points)} points")

        summary = _paragraph(params, text, params.max_words, ctx)
        return Done(self.Output(text=summary), summary=f"{len(summary.split())} words")

    def _shortened(self, params: Params, ctx: StepContext) -> str:
        """The text, or the summaries of its parts where it is too long for one question."""
        text, room = params.text, ctx.models.room(model=params.model)
        words = max(40, room // (4 * prose.CHARACTERS_PER_WORD * MOST_PASSES))
        for _ in range(MOST_PASSES):
            if len(text) <= room:
                return text
            parts = prose.pieces(text, room)
            ctx.note(f"The text is long: {len(parts)} parts of it were summarised first.")
            text = "\n\n".join(_paragraph(params, part, words, ctx) for part in parts)
        return text[:room]


def _paragraph(params: Summarise.Params, text: str, words: int, ctx: StepContext) -> str:
    most = prose.characters_for(words)
    # A weak model likes to answer with a name; a word is no summary of a paragraph.
    shape = prose.form(summary=prose.text(most, least=max(1, min(40, len(text) // 4))))
    return prose.finished(_asked(params, text, f"in at most {words} words", shape, most, ctx)["summary"], most)[0]


def _points(params: Summarise.Params, text: str, ctx: StepContext) -> list[str]:
    count = max(2, min(MOST_POINTS, params.max_words // WORDS_PER_POINT))
    most = prose.characters_for(max(15, params.max_words // count))
    shape = prose.form(points={"type": "array", "items": prose.text(most), "minItems": 1, "maxItems": count})
    data = _asked(params, text, f"in at most {count} short points", shape, most * count, ctx)
    return [finished for point in data["points"] if (finished := prose.finished(point, most)[0])]


def _asked(
    params: Summarise.Params, text: str, length: str, shape: dict[str, Any], most: int, ctx: StepContext
) -> dict[str, Any]:
    focus = f" Say above all what concerns: {params.focus}." if params.focus else ""
    style = f" Style: {params.style}" if params.style else ""
    return ctx.models.ask(
        f"Summarise the text {length}, in the language of the text. Add nothing.{focus}{style}",
        {"text": text},
        schema=shape,
        model=params.model,
        max_tokens=prose.tokens_for(most),
    ).data


def _as_list(points: list[str]) -> str:
    return "\n".join(f"- {point}" for point in points)
