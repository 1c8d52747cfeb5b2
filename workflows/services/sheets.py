"""A table as people hand it in: its rows, which column goes where, and what keeps a row from starting a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from connectors.documents.reading import read_document
from connectors.sdk import StepError
from workflows.engine import strict
from workflows.engine.definition import Input
from workflows.models import StoredFile, Workflow
from workflows.runtime import files, inputs
from workflows.runtime.journey import tree_of
from workflows.services.refusals import Conflict, ValidationError

MOST_ROWS = 10_000
MOST_PROBLEMS = 20
MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00(:00)?")
AS_TEXT = frozenset({"text", "long_text", "choice", "date", "file"})

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first table of a file. `said` is what the reader found odd."""

    columns: Sequence[str]
    rows: Sequence[Row]
    said: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot start a run: input → sentence."""

    number: int
    fields: Mapping[str, str]


def read_sheet(stored: StoredFile) -> Sheet:
    """Raises ValidationError for what is no table, or too long a one. Takes a process and a second or two."""
    try:
        found = read_document(files.read(stored), stored.name)
    except StepError as error:
        raise ValidationError({"file": [error.message]}) from None
    table = next((each for each in found.tables if each), [])
    rows = [row for row in table if any(value not in (None, "") for value in row.values())]
    if not rows:
        raise ValidationError({"file": [_("“%(name)s” has no table with rows in it.") % {"name": stored.name}]})
    if len(rows) > MOST_ROWS:
        said = _("“%(name)s” has %(rows)s rows; at most %(most)s are taken at once. Split it.")
        raise ValidationError({"file": [said % {"name": stored.name, "rows": len(rows), "most": MOST_ROWS}]})
    try:
        strict.check(rows)
    except strict.NotStrict as error:
        said = _("“%(name)s” holds something that cannot be stored: %(why)s.")
        raise ValidationError({"file": [said % {"name": stored.name, "why": error}]}) from None
    return Sheet(list(rows[0]), rows, found.problems)


def asked_of(workflow: Workflow) -> Mapping[str, Input]:
    """What the live version asks for. Raises Conflict where nothing is published."""
    return tree_of(live_of(workflow)).definition.inputs


def live_of(workflow: Workflow) -> UUID:
    if workflow.live_id is None or workflow.archived_at is not None:
        raise Conflict(f"“{workflow.name}” has no published version. Publish it first.")
    return workflow.live_id


def matched(asked: Mapping[str, Input], columns: Sequence[str]) -> dict[str, str]:
    """Input → the column that is called like it, or like its title."""
    by_name = {_plain(column): column for column in reversed(columns)}
    found = {name: by_name.get(_plain(name)) or by_name.get(_plain(one.title)) for name, one in asked.items()}
    return {name: column for name, column in found.items() if column}


def given_by(row: Row, chosen: Mapping[str, str], asked: Mapping[str, Input]) -> dict[str, Any]:
    """What a run of this row starts with, not yet checked."""
    return {name: _as_asked(row.get(column), asked[name]) for name, column in chosen.items() if name in asked}


def problems_of(workflow: Workflow, sheet: Sheet, chosen: Mapping[str, str]) -> Iterator[RowProblem]:
    """In the order of the rows."""
    asked = asked_of(workflow)
    for number, row in enumerate(sheet.rows, 1):
        try:
            inputs.for_version(live_of(workflow), given_by(row, chosen, asked), workflow.department_id)
        except inputs.BadInputs as error:
            yield RowProblem(number, error.fields)


def _as_asked(value: Any, asked: Input) -> Any:
    """A spreadsheet has its own idea of what is a number or a date."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if asked.type not in AS_TEXT or value is None:
        return value
    text = str(value).strip()
    midnight = MIDNIGHT.fullmatch(text) if asked.type == "date" else None
    return midnight[1] if midnight else text


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
