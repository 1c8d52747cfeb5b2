"""Rows as a spreadsheet may hold them. A cell that came from outside must never become a formula (rule S16).

Source: OWASP, CSV injection; quoting alone does not help, because the program that opens the file takes quotes away.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from audit.cells import harmless
from connectors.sdk import BadParams

LARGEST_EXACT_INT = 2**53

Value = str | int | float | bool | None


def rows_of(content: Any, form: str) -> tuple[list[str], list[list[Value]]]:
    """The columns, in the order in which they first appear, and the values of each row. Raises BadParams."""
    if not isinstance(content, list | tuple) or not all(isinstance(row, Mapping) for row in content):
        raise BadParams(
            f"{form.upper()} files are made from rows with named values. Give it a list of rows, or choose docx or md.",
            fields={"content": "Not a list of rows."},
        )
    columns = list(dict.fromkeys(str(name) for row in content for name in row))
    named = [{str(name): value for name, value in row.items()} for row in content]
    return [harmless(name) for name in columns], [[value_of(row.get(name)) for name in columns] for row in named]


def value_of(value: Any) -> Value:
    """Numbers stay numbers; everything else is text that no spreadsheet computes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_EXACT_INT:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return harmless(value if isinstance(value, str) else _spelled(value))


def _spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping | Sequence) else str(value)
