"""Let an AI translate a text."""

from __future__ import annotations

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose

# A piece and its translation stand in the same context, and long answers get careless.
LONGEST_PIECE = 4_000


class Translate(Action):
    """Translate a text, with your own words for what must be called so."""

    kind = "ai.translate"
    title = "Translate a text"
    reads_as = "Translate {text} into {to}"
    asks_model = True
    icon = "language"

    class Params(Model):
        text: prose.Readable = Field(
            min_length=1,
            max_length=prose.LONGEST_TEXT,
            title="Text",
            description="What to translate. Headings and lists stay as they are.",
            json_schema_extra=hint("long_text", example="{{ steps.copy.text }}"),
        )
        to: str = Field(
            min_length=2,
            max_length=60,
            title="Into",
            description="The language, in words.",
            json_schema_extra=hint("text", example="Swedish"),
        )
        glossary: dict[str, str] = Field(
            default_factory=dict,
            max_length=200,
            title="Glossary",
            description="Words on the left are always translated as on the right.",
            json_schema_extra=hint("key_value", example="savings account: Sparkonto"),
        )
        model: str = prose.model_field()

    class Output(Model):
        text: str = Field(title="Translation")
        language: str = Field(title="Language")

    def run(self, params: Params, ctx: StepContext) -> Done:
        parts = prose.pieces(params.text, min(LONGEST_PIECE, ctx.models.room(model=params.model) // 3))
        text = "\n\n".join(_translated(params, part, ctx) for part in parts)

        for term in unused(params.glossary, params.text, text):
            ctx.note(f'The translation does not use the glossary\'s word for "{term}".')
        return Done(self.Output(text=text, language=params.to), summary=f"{params.to}, {len(text.split())} words")


def _translated(params: Translate.Params, text: str, ctx: StepContext) -> str:
    # In bytes, because a page of Chinese becomes four of English, but a page of English two of anything at most.
    most = len(text.encode()) * 2 + 200
    answer = ctx.models.ask(
        instructions(params, text),
        {"text": text},
        schema=prose.form(translation=prose.text(most, described=f"the whole text in {params.to}")),
        model=params.model,
        max_tokens=prose.tokens_for(most),
        temperature=0,
    )
    return answer.data["translation"].strip()


def instructions(params: Translate.Params, text: str) -> str:
    terms = "".join(f"\n{term} = {own}" for term, own in params.glossary.items() if occurs(term, text))
    words = f"\nAlways translate these words so:{terms}" if terms else ""
    return f"Translate the text into {params.to}. Keep its paragraphs and its meaning; add nothing.{words}"


def occurs(term: str, text: str) -> bool:
    return term.casefold() in text.casefold()


def unused(glossary: dict[str, str], source: str, translation: str) -> list[str]:
    """Terms that stand in the source, but whose own word does not stand in the translation."""
    return [term for term, own in glossary.items() if occurs(term, source) and not occurs(own, translation)]
