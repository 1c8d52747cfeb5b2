"""What may be said to a task, and what is wrong with what was said: plain data in, a checked answer out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema
from pydantic import ValidationError as PydanticError

from workflows.engine import strict
from workflows.engine.sending_back import NoWayBack, WayBack, way_back
from workflows.engine.tree import ASIDE
from workflows.models import StepRun, StepStatus, Task, TaskKind
from workflows.models.states import REFUSALS
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds
from workflows.services.refusals import ValidationError

LONGEST_TEXT = 100_000
WITH_VALUES = frozenset({"answer", "done"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said: the decision, and what it needs. `option` counts from 1."""

    decision: str
    text: str = ""
    reason: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    option: int | None = None


def checked(task: Task, said: Said) -> dict[str, Any]:
    """The answer as it is stored. Raises ValidationError keyed by field."""
    allowed = decisions_of(task)
    if said.decision not in allowed:
        raise ValidationError({"decision": f"A decision is one of {', '.join(allowed)}."})
    _check_texts(said)
    if said.decision == "send_back":
        _check_way_back(task)
    answer: dict[str, Any] = {"decision": said.decision, "text": said.text, "reason": said.reason.strip()}
    if said.decision in REFUSALS and not answer["reason"]:
        raise ValidationError({"reason": "Say why, so that the person who asked can put it right."})
    if said.decision == "choose":
        answer["option"] = _option(task, said)
    if said.decision in WITH_VALUES:
        answer["values"] = _values(task, said.values)
    return answer


def decisions_of(task: Task) -> tuple[str, ...]:
    """What may be said to this very task."""
    possible = TaskKind(task.kind).decisions
    if task.kind != TaskKind.RESOLVE:
        return possible
    may_have_sent = (task.why or {}).get("code") == "outcome_unknown"
    without = {"done"} if not may_have_sent else set()
    if task.form is None:
        without |= WITH_VALUES
    return tuple(decision for decision in possible if decision not in without)


def way_back_of(task: Task) -> WayBack:
    """Raises NoWayBack saying why the draft cannot be sent back."""
    back = way_back(tree_of(task.run.version_id), task.step.step_id, kinds(), task.run.body)
    written = StepRun.objects.filter(run=task.run_id, step_id=back.writer, status=StepStatus.SUCCEEDED)
    if not written.exclude(path__contains=ASIDE).exists():
        raise NoWayBack("The AI step that may write such a draft did not write this one, so it cannot be sent back.")
    return back


def _check_way_back(task: Task) -> None:
    try:
        way_back_of(task)
    except NoWayBack as error:
        raise ValidationError({"decision": str(error)}) from None


def _check_texts(said: Said) -> None:
    for name, value in (("text", said.text), ("reason", said.reason)):
        if len(value) > LONGEST_TEXT:
            raise ValidationError({name: f"At most {LONGEST_TEXT:,} characters are allowed."})
        try:
            strict.check_text(value, name)
        except strict.NotStrict as error:
            raise ValidationError({name: str(error)}) from None


def _option(task: Task, said: Said) -> int:
    if said.option is None or not 1 <= said.option <= len(task.options):
        raise ValidationError({"option": f"Choose one of the {len(task.options)} drafts."})
    return said.option


def _values(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in given.items() if value is not None or not _is_needed(task, name)}
    try:
        strict.check(values)
    except strict.NotStrict as error:
        raise ValidationError({"values": str(error)}) from None
    form = task.form or {}
    wrong = {_field(error): _sentence(error) for error in jsonschema.Draft202012Validator(form).iter_errors(values)}
    if wrong:
        raise ValidationError(wrong)
    return _as_output(task, values) if task.kind == TaskKind.RESOLVE else values


def _as_output(task: Task, values: dict[str, Any]) -> dict[str, Any]:
    """As the step itself would give it, with the defaults of its kind."""
    node = tree_of(task.run.version_id).node(task.step.step_id)
    try:
        return kinds()[node.kind].Output.model_validate(values).model_dump(mode="json")
    except PydanticError as error:
        found = error.errors(include_url=False)
        raise ValidationError({".".join(map(str, each["loc"])) or "values": each["msg"] for each in found}) from None


def _is_needed(task: Task, name: str) -> bool:
    return name in (task.form or {}).get("required", ())


def _field(error: jsonschema.ValidationError) -> str:
    if error.validator == "required":
        return next((name for name in error.validator_value if name not in error.instance), "values")
    return ".".join(map(str, error.absolute_path)) or "values"


def _sentence(error: jsonschema.ValidationError) -> str:
    match error.validator:
        case "required" | "minLength" | "minItems":
            return "This has to be filled in."
        case "enum":
            return f"Choose one of {', '.join(str(value) for value in error.validator_value if value is not None)}."
        case "maxLength":
            return f"At most {error.validator_value:,} characters are allowed."
        case "type":
            return f"This has to be {_spoken(error.validator_value)}."
        case "additionalProperties":
            return "There is a field here that nobody asked for."
    return strict.legible(error.message, 300)


def _spoken(types: Any) -> str:
    words = {"string": "a text", "number": "a number", "integer": "a whole number", "boolean": "yes or no"}
    wanted = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    return " or ".join(words.get(one, "a list" if one == "array" else "filled in by name") for one in wanted)
