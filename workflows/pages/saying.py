"""What a browser sent as the answer to a task, understood as far as it can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from connectors.forms import Field, Form, form_for_schema, read
from workflows.models import StoredFile, Task
from workflows.pages.page import Request, whole_number
from workflows.pages.uploaded import with_files
from workflows.services.files import store_for_task
from workflows.services.refusals import ValidationError
from workflows.services.task_answers import WITH_VALUES
from workflows.services.tasks import Said, Seen

PREFIX = "v-"
"""Keeps the names of the asked fields apart from the names of our own."""

LONGEST_LOOK_S = 86_400.0
OWN = frozenset({"decision", "text", "reason", "option"})


@dataclass(frozen=True, slots=True)
class Sent:
    """What was typed, to be shown again; `said` and `seen` are what the service takes."""

    said: Said
    seen: Seen
    form: Form | None
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Name of one of our own fields → what is wrong there."""

    @property
    def is_good(self) -> bool:
        return self.form is None or self.form.is_good

    def refused(self, error: ValidationError) -> Sent:
        """The same with the sentences of a refusal at their places."""
        errors = {name: " ".join(texts) for name, texts in _told(error).items()}
        own = {name: sentence for name, sentence in errors.items() if name in OWN or self.form is None}
        inside = {name: sentence for name, sentence in errors.items() if name not in own}
        form = self.form.with_errors(inside) if self.form is not None and inside else self.form
        return replace(self, form=form, wrong={**self.wrong, **own})


def form_of(task: Task) -> Form | None:
    """The fields that the task asks for, as they are filled in already."""
    if task.form is None:
        return None
    return form_for_schema(task.form, task.known, prefix=PREFIX)


def sent_by(request: Request, task: Task) -> Sent:
    """Uploads are stored at once. What is not understood stands with its sentence at the field."""
    given = request.POST
    decision = given.get("decision", "")
    said = Said(
        decision=decision,
        text=given.get("text", "").replace("\r\n", "\n"),
        reason=given.get(f"reason-{decision}", given.get("reason", "")),
        option=whole_number(given.get("option", "")),
    )
    seen = Seen("page", given.get(f"seen-{decision}", given.get("seen", ""))[:64], _seconds(given.get("visible_s", "")))
    form = form_of(task)
    if form is None:
        return Sent(said, seen, None)
    filled = read(form, given, request.FILES)
    if decision not in WITH_VALUES:
        # Nobody needs to fill in what they refuse; what they have typed comes back all the same.
        typed = replace(filled.form, fields=tuple(_without_error(asked) for asked in filled.form.fields))
        return Sent(said, seen, typed)
    filled = with_files(filled, task.department, partial(_store, request, task))
    values = {asked.name: filled.values.get(asked.name, _nothing(task, asked)) for asked in filled.form.fields}
    return Sent(replace(said, values=_said(values)), seen, filled.form)


def _store(request: Request, task: Task, name: str, content: bytes) -> StoredFile:
    return store_for_task(task, name=name, content=content, actor=request.actor)


NOT_SAID = object()


def _nothing(task: Task, asked: Field) -> Any:
    """What an empty field stands for: null where it may be, an empty list, else nothing at all."""
    part = (task.form or {}).get("properties", {}).get(asked.name, {})
    if part.get("type") == "array" and not part.get("minItems"):
        return []
    may_be_null = any(one.get("type") == "null" for one in part.get("anyOf", ()))
    return None if may_be_null else NOT_SAID


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not NOT_SAID}


def _without_error(asked: Field) -> Field:
    return replace(asked, error="")


def _seconds(text: str) -> float | None:
    """For how long the page was before somebody's eyes, as the page has counted; None for anything odd."""
    number = whole_number(text)
    return min(float(number), LONGEST_LOOK_S) if number is not None else None


def _told(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"decision": error.messages}
