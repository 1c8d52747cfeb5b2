from __future__ import annotations

import pytest

from connectors.documents.writing import write_document
from connectors.sdk import BadParams, Passage
from tests.workflows.steps.desk import Desk
from workflows.steps.document_read import ReadDocument

NDA = """# Mutual NDA

The term is **two years**.

| Clause | Verdict |
|---|---|
| 1 | fine |
"""


def test_a_word_document_becomes_text_passages_and_tables() -> None:
    desk = Desk()
    file = desk.put("nda.docx", write_document("docx", "", NDA))

    outcome = ReadDocument().run(ReadDocument.Params(file=file), desk)

    assert outcome.output == ReadDocument.Output(
        text="Mutual NDA\n\nThe term is two years.\n\nClause | Verdict\n1 | fine",
        title="Mutual NDA",
        passages=[
            Passage("paragraph 1", "Mutual NDA"),
            Passage("paragraph 2", "The term is two years."),
            Passage("table 1 row 1", "Clause | Verdict"),
            Passage("table 1 row 2", "1 | fine"),
        ],
        tables=[[{"Clause": "1", "Verdict": "fine"}]],
        pages=None,
        problems=[],
    )
    assert outcome.summary == "nda.docx: 61 characters in 4 passages"


def test_what_was_left_out_stands_in_the_journal_too() -> None:
    desk = Desk()
    file = desk.put("note.txt", "Grüße".encode("cp1252"))

    outcome = ReadDocument().run(ReadDocument.Params(file=file), desk)

    assert outcome.output.problems == ["It is not UTF-8 and was read as Windows-1252: check its umlauts."]
    assert desk.notes == [f"note.txt: {outcome.output.problems[0]}"]


def test_a_file_that_is_not_what_its_name_says_fails_the_step_with_a_sentence() -> None:
    desk = Desk()
    file = desk.put("offer.pdf", b"<html><p>Offer")

    with pytest.raises(BadParams, match=r'"offer\.pdf" was not read: it is named \.pdf but holds a web page'):
        ReadDocument().run(ReadDocument.Params(file=file), desk)


def test_the_output_survives_the_way_through_json() -> None:
    desk = Desk()
    file = desk.put("nda.docx", write_document("docx", "", NDA))

    output = ReadDocument().run(ReadDocument.Params(file=file), desk).output

    assert ReadDocument.Output.model_validate_json(output.model_dump_json()) == output


def test_it_tells_the_data_picker_what_it_gives() -> None:
    assert ReadDocument.output_fields({}) == {
        "text": "string",
        "title": "string",
        "passages": "array",
        "tables": "array",
        "pages": "integer",
        "problems": "array",
    }
