"""A field with a JSON value in it, as its widget shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.forms.conditions import with_condition
from connectors.forms.fields import Field, Row, with_prefix

NOT_TEXT = frozenset({"switch", "choice", "date", "group", "conditions", "labels", "fields", "rows", "key_value"})


def filled(asked: Field, value: Any) -> Field:
    """The field showing the value.

    A value that the widget cannot hold is never lost: a reference stands in a text field with its chip, and anything
    else as JSON to be edited as text.
    """
    if asked.takes_data and asked.widget in NOT_TEXT and isinstance(value, str) and is_template(value):
        return replace(asked, widget="text", value=value)
    if asked.widget == "conditions" and isinstance(value, Mapping | None):
        return with_condition(asked, value)
    if asked.widget == "group" and isinstance(value, Mapping):
        return _group(asked, value)
    if asked.is_row_list and (rows := _rows(asked, value)) is not None:
        return replace(asked, rows=rows, value="")
    if asked.widget in NOT_TEXT and asked.is_structure and value is not None:
        return replace(asked, widget="structure", value=shown("structure", value))
    return replace(asked, value=shown(asked.widget, value))


def _group(asked: Field, value: Mapping[str, Any]) -> Field:
    parts = [filled(part, value[part.name]) if part.name in value else part for part in asked.parts]
    return replace(asked, parts=tuple(parts))


def _rows(asked: Field, value: Any) -> tuple[Row, ...] | None:
    """The rows of a list or a mapping; None where the value is neither, or holds what no row can show."""
    if value is None:
        return ()
    if asked.widget == "key_value":
        return _pairs(asked, value) if isinstance(value, Mapping) else None
    if not isinstance(value, list):
        return None
    names = {part.name for part in asked.parts}
    items = [{asked.parts[0].name: item} if isinstance(item, str) else item for item in value]
    if not asked.parts or not all(isinstance(item, Mapping) and set(item) <= names for item in items):
        return None
    return tuple(row_with(asked, str(index), item) for index, item in enumerate(items))


def row_with(asked: Field, index: str, item: Mapping[str, Any]) -> Row:
    """A row of the field with a mapping in it."""
    parts = with_prefix(asked.parts, f"{asked.key}-{index}-")
    return Row(index, tuple(filled(part, item[part.name]) if part.name in item else part for part in parts))


def _pairs(asked: Field, value: Mapping[str, Any]) -> tuple[Row, ...]:
    rows = []
    for index, (name, item) in enumerate(value.items()):
        named, held = with_prefix(asked.parts, f"{asked.key}-{index}-")
        rows.append(Row(str(index), (replace(named, value=str(name)), replace(held, value=cell(item)))))
    return tuple(rows)


def cell(value: Any) -> str:
    """A value of a key-value row as it is typed."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def shown(widget: str, value: Any) -> Any:
    """A JSON value as its widget shows it."""
    if widget in ("switch", "file"):
        return value
    if value is None:
        return ""
    if widget == "list" and isinstance(value, list) and all(isinstance(line, str | int | float) for line in value):
        return "\n".join(str(line) for line in value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text
