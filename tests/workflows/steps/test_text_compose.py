from __future__ import annotations

from typing import Any

import pytest

from connectors.sdk import Done
from workflows.steps.text_compose import ComposeText


@pytest.mark.parametrize(
    ("rendered", "text"),
    [
        ("Dear Ada,\n\nwelcome.", "Dear Ada,\n\nwelcome."),
        ("", ""),
        (None, ""),
        (3, "3"),
        (0.5, "0.5"),
        (True, "yes"),
        (False, "no"),
        (["e-mail", "Anzeige für Köln"], '[\n  "e-mail",\n  "Anzeige für Köln"\n]'),
        ({"risky": 1}, '{\n  "risky": 1\n}'),
    ],
)
def test_whatever_the_references_named_becomes_text(rendered: Any, text: str) -> None:
    params = ComposeText.Params(text=rendered)

    outcome = ComposeText().run(params, ctx=None)

    assert outcome == Done(ComposeText.Output(text=text))


def test_it_tells_the_data_picker_one_text() -> None:
    assert ComposeText.output_fields({"text": "{{ inputs.brief }}"}) == {"text": "string"}
