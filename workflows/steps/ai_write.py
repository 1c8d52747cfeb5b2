"""Let an AI write a text."""

from __future__ import annotations

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose


class Write(Action):
    """Write a text from your instructions and, if you give it, from material."""

    kind = "ai.write"
    title = "Write a text"
    reads_as = "Write {instructions}"
    asks_model = True
    icon = "pencil"

    class Params(Model):
        instructions: prose.Readable = Field(
            min_length=1,
            max_length=20_000,
            title="What to write",
            description="As you would ask a colleague. Put texts that others wrote under Material, not here.",
            json_schema_extra=hint("long_text", example="Write a short post that announces the offer in the brief."),
        )
        material: prose.Readable = Field(
            default="",
            max_length=prose.LONGEST_TEXT,
            title="Material",
            description="What the text is about. The AI reads it as facts and never as orders.",
            json_schema_extra=hint("long_text", example="{{ inputs.brief }}"),
        )
        tone: str = Field(
            default="",
            max_length=200,
            title="Tone",
            description="How it should sound.",
            json_schema_extra=hint("text", example="friendly and plain"),
        )
        max_words: int = Field(
            default=200,
            ge=5,
            le=2_000,
            title="Words at most",
            description="How long the text may get, from 5 to 2,000 words.",
            json_schema_extra=hint("number", example="200"),
        )
        model: str = prose.model_field()

    class Output(Model):
        text: str = Field(title="Text")

    def run(self, params: Params, ctx: StepContext) -> Done:
        most = prose.characters_for(params.max_words)
        answer = ctx.models.ask(
            instructions(params),
            {"material": params.material} if params.material.strip() else {},
            schema=prose.form(text=prose.text(most, described="the finished text, nothing else")),
            model=params.model,
            max_tokens=prose.tokens_for(most),
            temperature=0.4,
        )

        text, is_whole = prose.finished(answer.data["text"], most)
        if not is_whole:
            ctx.note("The AI wrote more than the words allowed; its last, unfinished sentence was left out.")
        return Done(self.Output(text=text), summary=f"{len(text.split())} words")


def instructions(params: Write.Params) -> str:
    parts = [params.instructions.strip()]
    if params.tone:
        parts.append(f"Tone: {params.tone}.")
    if params.material.strip():
        parts.append("Use only facts from the material.")
    parts.append(f"Write at most {params.max_words} words.")
    return "\n".join(parts)
