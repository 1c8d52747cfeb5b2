from __future__ import annotations

from tests.scripted_provider import blocks_in, gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_translate import Translate

__all__ = ["asker"]


def test_a_text_is_translated_with_the_words_of_the_glossary_that_occur_in_it(asker: Asker) -> None:
    asker.provider.script = [gives({"translation": " Das Sparkonto ist neu. "})]

    glossary = {"Savings Account": "Sparkonto", "loan": "Kredit"}
    done = asker.run(Translate, text="The savings account is new.", to="German", glossary=glossary)

    assert done.output.model_dump() == {"text": "Das Sparkonto ist neu.", "language": "German"}
    assert asker.blocks() == {"text": "The savings account is new."}
    assert "Translate the text into German." in asker.instructions()
    assert "Savings Account = Sparkonto" in asker.instructions()
    assert "Kredit" not in asker.instructions()
    assert asker.notes == []


def test_a_word_of_the_glossary_that_was_not_used_is_noted(asker: Asker) -> None:
    asker.provider.script = [gives({"translation": "Das Konto ist neu."})]

    asker.run(Translate, text="The savings account is new.", to="German", glossary={"savings account": "Sparkonto"})

    assert asker.notes == ['The translation does not use the glossary\'s word for "savings account".']


def test_a_long_text_is_translated_paragraph_by_paragraph(asker: Asker) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 500 for number in range(4)]
    asker.provider.reply = lambda asked: gives({"translation": blocks_in(asked)["text"][:12]})

    output = asker.output(Translate, text="\n\n".join(paragraphs), to="Swedish")

    assert output == {"text": "\n\n".join(f"Paragraph {number}." for number in range(4)), "language": "Swedish"}
