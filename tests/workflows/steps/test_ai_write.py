from __future__ import annotations

from tests.scripted_provider import gives
from tests.workflows.steps.asker import Asker, asker
from workflows.steps.ai_write import Write

__all__ = ["asker"]


def test_a_text_is_written_from_instructions_and_material(asker: Asker) -> None:
    asker.provider.script = [gives({"text": " Save with Sola. "})]

    done = asker.run(Write, instructions="Write a post.", material="Sola pays 3 %.", tone="plain", max_words=50)

    assert (done.output.text, done.summary) == ("Save with Sola.", "3 words")
    assert asker.blocks() == {"material": "Sola pays 3 %."}
    assert asker.instructions() == (
        "Write a post.\nTone: plain.\nUse only facts from the material.\nWrite at most 50 words."
    )
    assert asker.schema()["text"]["maxLength"] == 400
    assert asker.provider.requests[0]["max_tokens"] == 1_800


def test_without_material_the_instructions_are_all(asker: Asker) -> None:
    asker.provider.script = [gives({"text": "Patience."})]

    asker.run(Write, instructions="Write a haiku.", material="  ")

    assert asker.blocks() == {}
    assert "material" not in asker.instructions()


def test_a_text_that_fills_its_room_loses_its_unfinished_sentence_and_says_so(asker: Asker) -> None:
    asker.provider.script = [gives({"text": "One two three. Four five six seven eight"})]

    output = asker.output(Write, instructions="Write.", max_words=5)

    assert output == {"text": "One two three."}
    assert asker.notes == ["The AI wrote more than the words allowed; its last, unfinished sentence was left out."]


def test_material_that_is_no_text_is_made_readable(asker: Asker) -> None:
    asker.run(Write, instructions="Write.", material={"product": "Sola", "since": None, "new": True})

    assert asker.blocks() == {"material": '{\n  "product": "Sola",\n  "since": null,\n  "new": true\n}'}


def test_a_step_may_name_its_model(asker: Asker) -> None:
    from tests.factories import make_model, make_provider

    make_model(make_provider(base_url=asker.provider.base_url), "large-1", schema_support="full")

    asker.run(Write, instructions="Write.", model="large-1")

    assert asker.provider.requests[0]["model"] == "large-1"
