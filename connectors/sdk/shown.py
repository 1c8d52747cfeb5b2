"""A value as a person would read it. Pure."""

from __future__ import annotations

import json
from typing import Any


def readable(value: Any) -> str:
    """What a person would read. A text that is one whole reference arrives as the value it names."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return str(value)
