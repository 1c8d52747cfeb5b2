from __future__ import annotations

from typing import Any

import pytest

from connectors.models import AiModel
from tests.scripted_provider import gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_answer import AnswerQuestion, bm25, nearest, passages, with_own_names

__all__ = ["asker"]

TERMS = "The agreement\nruns for three  years. The courts of Hamburg have jurisdiction."
PRICES = "The fee is 500 euro a month."
DOCUMENTS = [{"name": "terms.txt", "text": TERMS}, {"name": "prices.txt", "text": PRICES}]
NOT_FOUND = {"answer": "The documents do not say.", "found": False, "quotes": []}


def says(answer: str, *quotes: str, found: bool = True) -> Any:
    return gives({"answer": answer, "quotes": list(quotes), "found": found})


def test_an_answer_comes_with_passages_that_stand_in_the_documents(asker: Asker) -> None:
    asker.provider.script = [says("Three years.", "“The agreement runs for three years.”")]

    done = asker.run(AnswerQuestion, question="How long?", documents=DOCUMENTS)

    assert done.output.model_dump() == {
        "answer": "Three years.",
        "found": True,
        "quotes": [{"document": "terms.txt", "passage": "The agreement runs for three years."}],
    }
    assert done.summary == "answered, 1 quotes"
    assert asker.blocks() == {"terms.txt": TERMS, "prices.txt": PRICES, "question": "How long?"}


def test_a_quote_carries_the_name_of_its_document(asker: Asker) -> None:
    asker.provider.script = [
        says("It varies.", "The fee is 500 euro a month.", "The courts of Hamburg have jurisdiction.")
    ]

    output = asker.output(AnswerQuestion, question="What does it cost, and where?", documents=DOCUMENTS)

    assert [quote["document"] for quote in output["quotes"]] == ["prices.txt", "terms.txt"]


def test_quotes_that_do_not_occur_are_dropped(asker: Asker) -> None:
    asker.provider.script = [
        says(
            "500 euro.",
            "The fee is 500 euro a year.",
            "The fee is 500 euro a month.",
            "The fee is 500 euro a month.",
            "fee is 500",
        )
    ]

    output = asker.output(AnswerQuestion, question="What does it cost?", documents=DOCUMENTS)

    assert [quote["passage"] for quote in output["quotes"]] == ["The fee is 500 euro a month."]


def test_an_answer_without_a_true_quote_is_set_aside_and_said_so(asker: Asker) -> None:
    asker.provider.script = [says("Ten years.", "The agreement runs for ten years.")]

    output = asker.output(AnswerQuestion, question="How long?", documents=DOCUMENTS)

    assert output == NOT_FOUND
    assert asker.notes == ["The AI's answer was set aside: none of the passages it quoted stands in the documents."]


def test_what_the_model_does_not_find_is_told_in_the_authors_words(asker: Asker) -> None:
    asker.provider.script = [says("Perhaps ten?", PRICES, found=False)]

    output = asker.output(AnswerQuestion, question="Why?", documents=DOCUMENTS, not_found="Steht nicht darin.")

    assert output == NOT_FOUND | {"answer": "Steht nicht darin."}
    assert asker.notes == []


def test_invisible_characters_do_not_stand_between_a_quote_and_its_document(asker: Asker) -> None:
    asker.provider.script = [says("Yes.", "The contract ends in May.")]

    output = asker.output(AnswerQuestion, question="When?", documents="The con\u00adtract\u200b ends\u00a0in May.")

    assert output["quotes"] == [{"document": "document", "passage": "The contract ends in May."}]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("Text.", ["document"]),
        ({"title": "Terms", "text": "Text.", "pages": 3}, ["Terms"]),
        (["One.", "Two."], ["document", "document (2)"]),
        ([{"name": "question", "text": "Text."}], ["question (2)"]),
        ([{"name": "a  b", "text": "Text."}, {"name": "a b", "text": "Text."}], ["a b", "a b (2)"]),
    ],
)
def test_documents_come_in_many_shapes_and_each_has_its_own_name(given: Any, names: list[str]) -> None:
    params = AnswerQuestion.Params(question="Why?", documents=given)

    assert [document.name for document in with_own_names(params.documents)] == names


def test_of_a_long_document_the_nearest_passages_are_read_in_their_own_order(asker: Asker) -> None:
    AiModel.objects.update(context_tokens=3_500)
    filler = [f"Clause {number} speaks about deliveries, invoices and meetings. " * 9 for number in range(30)]
    filler[3] += "Termination needs a notice of three months."
    filler[25] += "A notice of termination must be in writing."
    asker.provider.script = [says("Three months.", "Termination needs a notice of three months.")]

    documents = [{"name": "long.txt", "text": "\n\n".join(filler)}]
    output = asker.output(AnswerQuestion, question="What notice for termination?", documents=documents)

    read = asker.blocks()["long.txt"]
    assert output["found"]
    assert len(read) < 3_200
    assert read.index("notice of three months") < read.index("[…]") < read.index("must be in writing")


def test_nothing_to_read_is_nothing_found(asker: Asker) -> None:
    assert asker.output(AnswerQuestion, question="Why?", documents=[{"name": "empty.txt", "text": "  "}]) == NOT_FOUND
    assert asker.calls == []


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    texts = ["the court of Hamburg", "the fee and the term", "the court " + "of many words " * 20]

    scores = bm25("Which court?", texts)

    assert scores[0] > scores[2] > scores[1] == 0


def test_a_question_that_shares_no_word_reads_from_the_beginning() -> None:
    documents = with_own_names(AnswerQuestion.Params(question="?", documents="word " * 1_000).documents)

    chosen = nearest("Warum?", passages(documents), 1_700)

    assert [passage.place for passage in chosen] == [0, 1]
