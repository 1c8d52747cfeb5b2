"""Let an AI answer a question from documents, with the passages it goes by."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from connectors.sdk import Action, Done, Field, Model, StepContext, hint, prose

QUESTION = "question"
PASSAGE = 800
MOST_MATERIAL = 40_000
MOST_QUOTES = 5
LONGEST_QUOTE = 300
SHORTEST_QUOTE = 12

INSTRUCTIONS = """Answer the question only from the documents. Fill in:
answer: the answer to the question, in at most {words} words
quotes: the sentences that say so, copied word for word
found: false if no sentence says so"""


class Document(BaseModel):
    """A named text. What `document.read` gives can be taken as it is: other fields are left aside."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(default="document", min_length=1, max_length=255)
    text: prose.Readable = Field(max_length=prose.LONGEST_TEXT)


class Quote(Model):
    document: str = Field(title="Document")
    passage: str = Field(title="Passage")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; `place` counts through all documents."""

    document: str
    place: int
    text: str


def _as_documents(value: Any) -> Any:
    """A text, a document, or a list of either."""
    parts = value if isinstance(value, list) else [value]
    return [{"text": part} if isinstance(part, str) else _named(part) for part in parts]


def _named(part: Any) -> Any:
    if isinstance(part, dict) and not part.get("name") and part.get("title"):
        return {**part, "name": str(part["title"])[:255]}
    return part


class AnswerQuestion(Action):
    """Answer a question only from the documents given, and quote the passages; or say that they do not tell."""

    kind = "ai.answer"
    title = "Answer from documents"
    reads_as = "Answer {question} from {documents}"
    asks_model = True
    icon = "message-question"

    class Params(Model):
        question: prose.Readable = Field(
            min_length=1,
            max_length=5_000,
            title="Question",
            description="One question, as you would ask a colleague who has read the documents.",
            json_schema_extra=hint("text", example="When does the contract end?"),
        )
        documents: Annotated[list[Document], BeforeValidator(_as_documents)] = Field(
            min_length=1,
            max_length=200,
            title="Documents",
            description="Texts to answer from; of long ones, the passages nearest to the question are read.",
            json_schema_extra=hint("list", example="{{ steps.contract }}"),
        )
        max_words: int = Field(
            default=120,
            ge=10,
            le=1_000,
            title="Words at most",
            description="How long the answer may get, from 10 to 1,000 words.",
            json_schema_extra=hint("number", example="120"),
        )
        not_found: str = Field(
            default="The documents do not say.",
            max_length=500,
            title="Answer when nothing is found",
            description="Given instead of an answer when the documents are silent.",
            json_schema_extra=hint("text", example="The documents do not say.", advanced=True),
        )
        model: str = prose.model_field()

    class Output(Model):
        answer: str = Field(title="Answer")
        found: bool = Field(title="Found", description="Whether the documents tell, proven by at least one quote.")
        quotes: list[Quote] = Field(title="Quotes", description="Passages as they stand in the documents.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        documents = with_own_names(params.documents)
        budget = min(MOST_MATERIAL, ctx.models.room(model=params.model))
        chosen = nearest(params.question, passages(documents), budget)
        if not chosen:
            return self._not_found(params)

        data = self._asked(params, chosen, ctx)
        quotes = true_quotes(data["quotes"], documents)
        if data["found"] and not quotes:
            ctx.note("The AI's answer was set aside: none of the passages it quoted stands in the documents.")
        if not (data["found"] and quotes):
            return self._not_found(params)
        answer, _ = prose.finished(data["answer"], prose.characters_for(params.max_words))
        return Done(self.Output(answer=answer, found=True, quotes=quotes), summary=f"answered, {len(quotes)} quotes")

    def _asked(self, params: Params, chosen: Sequence[Passage], ctx: StepContext) -> dict[str, Any]:
        most = prose.characters_for(params.max_words)
        quotes = {"type": "array", "items": prose.text(LONGEST_QUOTE), "maxItems": MOST_QUOTES}
        return ctx.models.ask(
            INSTRUCTIONS.format(words=params.max_words),
            {**blocks(chosen), QUESTION: params.question},
            schema=prose.form(answer=prose.text(most), quotes=quotes, found={"type": "boolean"}),
            model=params.model,
            max_tokens=prose.tokens_for(most + MOST_QUOTES * LONGEST_QUOTE),
            temperature=0.2,
        ).data

    def _not_found(self, params: Params) -> Done:
        return Done(self.Output(answer=params.not_found, found=False, quotes=[]), summary="not in the documents")


def with_own_names(documents: Sequence[Document]) -> list[Document]:
    """The same documents, each with a name that no other has: the later ones are numbered."""
    seen = Counter([QUESTION])
    named = []
    for document in documents:
        name = " ".join(document.name.split())
        seen[name] += 1
        named.append(Document(name=name if seen[name] == 1 else f"{name} ({seen[name]})", text=document.text))
    return named


def passages(documents: Sequence[Document]) -> list[Passage]:
    parts = [(document.name, part) for document in documents for part in prose.pieces(document.text, PASSAGE)]
    return [Passage(name, place, part) for place, (name, part) in enumerate(parts)]


def nearest(question: str, all_passages: Sequence[Passage], budget: int) -> list[Passage]:
    """Of all passages, those that fit into `budget` characters: the nearest to the question, in their own order."""
    if sum(len(passage.text) for passage in all_passages) <= budget:
        return list(all_passages)
    scores = bm25(question, [passage.text for passage in all_passages])
    chosen: list[Passage] = []
    for passage in sorted(all_passages, key=lambda passage: (-scores[passage.place], passage.place)):
        budget -= len(passage.text)
        if budget < 0:
            break
        chosen.append(passage)
    return sorted(chosen, key=lambda passage: passage.place)


def bm25(question: str, texts: Sequence[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """How near each text is to the question.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009).
    """
    counts = [Counter(words(text)) for text in texts]
    lengths = [sum(count.values()) for count in counts]
    average = sum(lengths) / len(texts) or 1
    scores = [0.0] * len(texts)
    for word in set(words(question)):
        holding = sum(word in count for count in counts)
        weight = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        for place, count in enumerate(counts):
            often = count[word]
            scores[place] += weight * often * (k1 + 1) / (often + k1 * (1 - b + b * lengths[place] / average))
    return scores


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def blocks(chosen: Sequence[Passage]) -> dict[str, str]:
    """One block per document; where passages between were left out, a mark says so."""
    found: dict[str, str] = {}
    before: dict[str, int] = {}
    for passage in chosen:
        gap = "\n\n" if before.get(passage.document) == passage.place - 1 else "\n\n[…]\n\n"
        earlier = f"{found[passage.document]}{gap}" if passage.document in found else ""
        found[passage.document] = earlier + passage.text
        before[passage.document] = passage.place
    return found


def true_quotes(quotes: Sequence[str], documents: Sequence[Document]) -> list[Quote]:
    """The quotes that really stand in a document, with its name. Only white space may differ."""
    texts = [(document.name, plain(document.text)) for document in documents]
    found: dict[str, Quote] = {}
    for quote in quotes:
        passage = plain(quote).strip("\"'“”„‘’… ")
        name = next((name for name, text in texts if passage in text), "")
        if name and len(passage) >= SHORTEST_QUOTE:
            found.setdefault(passage, Quote(document=name, passage=passage))
    return list(found.values())


def plain(text: str) -> str:
    """One line of visible characters: what a model reads of the text."""
    visible = "".join(char if unicodedata.category(char) not in ("Cc", "Cf") else _blank(char) for char in text)
    return " ".join(visible.split())


def _blank(char: str) -> str:
    return " " if char.isspace() else ""
