"""The values a run starts with: checked against what its version asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from connectors.sdk import BadParams, FileRef
from workflows.engine import strict
from workflows.engine.definition import Input
from workflows.runtime import files
from workflows.runtime.journey import tree_of

LONGEST_TEXT = 1_000_000


class BadInputs(BadParams):
    """`fields` maps each input to what is wrong with it."""


class _Bad(ValueError):
    pass


def for_version(version_id: UUID, given: Mapping[str, Any], department_id: UUID) -> dict[str, Any]:
    """Every input of the version with its value; a file becomes a reference to a file of the department.

    Raises BadInputs naming each input that is missing, unknown or of the wrong type.
    """
    asked = tree_of(version_id).definition.inputs
    wrong = {name: "The workflow asks for no such input." for name in given if name not in asked}
    values: dict[str, Any] = {}
    for name, one in asked.items():
        try:
            values[name] = _value(one, given.get(name), department_id)
        except _Bad as error:
            wrong[name] = str(error)
    if wrong:
        raise BadInputs("; ".join(f"{name}: {why}" for name, why in wrong.items()), fields=wrong)
    return values


def _value(asked: Input, value: Any, department_id: UUID) -> Any:
    if value is None or value == "":
        value = asked.default
    if value is None or value == "" or value == []:
        if asked.required:
            raise _Bad("This is needed.")
        return [] if asked.type == "list" else None
    try:
        strict.check(value)
    except strict.NotStrict as error:
        raise _Bad(f"This cannot be stored: {error}.") from None
    if asked.type == "file":
        return _file(value, department_id)
    return READERS[asked.type](value, asked)


def _text(value: Any, asked: Input) -> str:
    if not isinstance(value, str):
        raise _Bad("This must be text.")
    if len(value) > LONGEST_TEXT:
        raise _Bad(f"This has {len(value):,} characters; at most {LONGEST_TEXT:,} are allowed.")
    return value


def _number(value: Any, asked: Input) -> int | float:
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
        except ValueError:
            raise _Bad("This must be a number.") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Bad("This must be a number.")
    return value


def _boolean(value: Any, asked: Input) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in ("true", "false", "yes", "no"):
        return value.casefold() in ("true", "yes")
    raise _Bad("This must be yes or no (true or false).")


def _date(value: Any, asked: Input) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise _Bad("This must be a date as year-month-day, such as 2027-01-31.") from None


def _choice(value: Any, asked: Input) -> str:
    if value not in asked.choices:
        raise _Bad(f"This must be one of {', '.join(asked.choices)}.")
    return str(value)


def _list(value: Any, asked: Input) -> list[Any]:
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    if not isinstance(value, list):
        raise _Bad("This must be a list.")
    return value


def _file(value: Any, department_id: UUID) -> dict[str, Any]:
    given = {"file": value, "name": "file"} if isinstance(value, str) else value
    try:
        ref = FileRef.model_validate(given)
        return files.reference(files.find(department_id, ref)).model_dump()
    except ValidationError:
        raise _Bad("This must be a file that was uploaded before: its id, or the whole reference to it.") from None
    except BadParams as error:
        raise _Bad(error.message) from None


READERS = {
    "text": _text,
    "long_text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "choice": _choice,
    "list": _list,
}
