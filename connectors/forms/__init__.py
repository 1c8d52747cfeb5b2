"""The one form builder: a pydantic model, or the inputs of a workflow, becomes a form; what was sent becomes values.

Pure data in and out: `Form` and `Field` are drawn by templates/forms/ (with static/forms.js for rows, chips and the
data picker, none of which is needed to fill a form), and `read` gives back JSON values, or an `UploadedFile` for a
file. Every error stands at its field, as a sentence.

- `form_for_inputs`: the start form of a workflow
- `form_for_model`: the parameters of a step kind; with `takes_data` those of a draft
- `form_for_schema`: what a task asks for, or what a step gives
- `condition_field`, `text_field`, `pairs_field`: one widget by itself, on any page
- `fields`, `making`, `filling`, `reading`, `understanding`, `conditions`: the parts
"""

from __future__ import annotations

from connectors.forms.conditions import operator_words
from connectors.forms.fields import STRUCTURES, Choice, Field, Filled, Form, Row
from connectors.forms.filling import shown
from connectors.forms.making import (
    Input,
    condition_field,
    form_for_inputs,
    form_for_model,
    form_for_schema,
    pairs_field,
    text_field,
)
from connectors.forms.reading import read, read_model, sent_by, sentences
from connectors.forms.understanding import MAX_CHARACTERS, MAX_LINES, NotUnderstood, clean_text, understood
from connectors.forms.wording import Wrong, problems_of

__all__ = [
    "MAX_CHARACTERS",
    "MAX_LINES",
    "STRUCTURES",
    "Choice",
    "Field",
    "Filled",
    "Form",
    "Input",
    "NotUnderstood",
    "Row",
    "Wrong",
    "clean_text",
    "condition_field",
    "form_for_inputs",
    "form_for_model",
    "form_for_schema",
    "operator_words",
    "pairs_field",
    "problems_of",
    "read",
    "read_model",
    "sent_by",
    "sentences",
    "shown",
    "text_field",
    "understood",
]
