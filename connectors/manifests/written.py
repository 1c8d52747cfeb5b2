"""A document as it was written, JSON or YAML, as plain values. Pure.

YAML is read as version 1.2 has it: `no` is a word and 2026-01-31 a text, not a switch and a date.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from connectors.manifests.manifest import Refused

LARGEST = 25 * 1024 * 1024


class _Loader(yaml.CSafeLoader):
    """Plain values alone: no tags that make objects."""

    yaml_implicit_resolvers: dict[str, Any] = {}


_CORE = {
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "int": (r"^[-+]?[0-9]+$", "-+0123456789"),
    "float": (r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
    "merge": (r"^(?:<<)$", "<"),
}


def _whole_number(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _teach() -> None:
    for name in ("bool", "null", "int", "float", "merge"):
        pattern, first = _CORE[name]
        _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(pattern), list(first))
    _Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


_teach()


def values_of(content: bytes) -> dict[str, Any]:
    """Raises Refused for what is neither JSON nor YAML, too large, or no mapping at all."""
    if len(content) > LARGEST:
        raise Refused(f"It is larger than {LARGEST // 1024 // 1024} MB. Give the part of it that you need.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("It is not written in UTF-8. Save it anew as UTF-8.") from None
    found = _json(text) if text.lstrip()[:1] == "{" else _yaml(text)
    if not isinstance(found, dict):
        raise Refused("It holds no description: it should begin with “openapi:” or “swagger:”.")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as wrong:
        if (found := _forgiven(text)) is not None:
            return found
        raise Refused(f"It is not JSON: look at line {wrong.lineno}, column {wrong.colno}.") from None
    except RecursionError:
        raise Refused("It is nested too deeply.") from None


def _forgiven(text: str) -> Any:
    """YAML may begin with a brace, too."""
    try:
        return _yaml(text)
    except Refused:
        return None


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as wrong:
        place = wrong.problem_mark
        where = f" at line {place.line + 1}, column {place.column + 1}" if place else ""
        raise Refused(f"It is neither JSON nor YAML: {wrong.problem or 'it cannot be read'}{where}.") from None
    except (yaml.YAMLError, ValueError):
        raise Refused("It is neither JSON nor YAML.") from None
    except RecursionError:
        raise Refused("It is nested too deeply.") from None
