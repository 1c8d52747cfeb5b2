from __future__ import annotations

from connectors.models import AiModel
from tests.scripted_provider import gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_summarise import Summarise

__all__ = ["asker"]


def test_a_text_becomes_a_paragraph(asker: Asker) -> None:
    asker.provider.script = [gives({"summary": "The bank closes branches. "})]

    output = asker.output(Summarise, text="Long text.", max_words=20, focus="money", style="For the board.")

    assert output == {"text": "The bank closes branches.", "points": []}
    assert asker.blocks() == {"text": "Long text."}
    assert asker.instructions() == (
        "Summarise the text in at most 20 words, in the language of the text. Add nothing. "
        "Say above all what concerns: money. Style: For the board."
    )


def test_a_text_becomes_a_list_of_points(asker: Asker) -> None:
    asker.provider.script = [gives({"points": ["First.", " Second. ", " "]})]

    done = asker.run(Summarise, text="Long text.", max_words=100, form="bullets")

    assert done.output.model_dump() == {"text": "- First.\n- Second.", "points": ["First.", "Second."]}
    assert done.summary == "2 points"
    assert (asker.schema()["points"]["maxItems"], asker.schema()["points"]["items"]["maxLength"]) == (4, 200)


def test_a_text_too_long_for_the_model_is_summarised_in_parts_first(asker: Asker) -> None:
    AiModel.objects.update(context_tokens=3_000)
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 80 for number in range(9))
    asker.provider.reply = lambda asked: gives(
        {"summary": f"Part of {len(asked['messages'][1]['content']):,} characters, told in short."}
    )

    output = asker.output(Summarise, text=text, max_words=20)

    *parts, _last = asker.provider.requests
    assert len(parts) == len(asker.calls) - 1 >= 3
    assert all(len(call["messages"][1]["content"]) <= 1_600 for call in parts)
    assert asker.blocks()["text"].count("Part of") == len(parts)
    assert output["text"].startswith("Part of")
    assert asker.notes == [f"The text is long: {len(parts)} parts of it were summarised first."]
