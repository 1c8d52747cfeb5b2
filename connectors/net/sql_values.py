"""What databases give, as JSON's own types, and what a run gives, as databases take it. Pure."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

LARGEST_INT = 2**63 - 1


def columns(names: Sequence[str]) -> list[str]:
    """Each once: of two with one name the later one gets a number."""
    given: dict[str, None] = {}
    for name in names:
        number, wanted = 2, name or "column"
        while wanted in given:
            wanted, number = f"{name or 'column'}_{number}", number + 1
        given[wanted] = None
    return list(given)


def plain(value: Any) -> Any:
    """A value of a row. Exactness wins: a number that JSON readers would round becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def _number(value: Decimal) -> Any:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value() and abs(value) <= LARGEST_INT:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _bytes(value: bytes) -> str:
    try:
        return str(plain(value.decode()))
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def literal(value: Any) -> str:
    """A value as MySQL reads it: texts in hexadecimal digits, so that nothing in them can ever be read as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"_utf8mb4 X'{text.encode('utf-8', 'replace').hex()}'"
