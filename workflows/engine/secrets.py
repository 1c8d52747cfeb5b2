"""What must not leave the server with a workflow: keys and passwords that somebody has typed into a step. Pure.

Connections and models stand in a definition by their names only; this is for what does not belong there at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workflows.engine import params
from workflows.engine.definition import Definition, dump, load

LEFT_OUT = "[left out]"

_NAME = re.compile(
    r"(^|[-_ .])(authorization|cookie|pass(word|wd|phrase)|secret|token|api[-_ ]?key|(access|private)[-_ ]?key"
    r"|subscription[-_ ]?key|credentials?)$",
    re.IGNORECASE,
)
IN_TEXT = re.compile(
    r"""\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abeprs])[-_][\w-]{16,}"""
    r"""|\b(?:Bearer|Basic)\s+[\w+/=.~-]{12,}"""
    r"""|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"""
    r"""|\bAKIA[0-9A-Z]{16}\b"""
    r"""|-----BEGIN[ A-Z]*PRIVATE KEY-----[\s\S]*?(?:-----END[ A-Z]*PRIVATE KEY-----|\Z)"""
    r"""|(?<=://)[^\s/@:{}]+:[^\s/@{}]+(?=@)"""
    r"""|(?<=[?&])(?:(?:api|access)?[-_]?key|token|access_token|secret|password|sig(?:nature)?)=[^&\s{}#]+""",
    re.IGNORECASE,
)


def without_secrets(definition: Definition) -> tuple[Definition, tuple[str, ...]]:
    """The definition as it may be shown to anybody, and where something was left out: “draft: headers.X-Api-Key”."""
    raw = dump(definition)
    places: list[str] = []
    _clean_steps(raw.get("steps", []), places)
    return (load(raw), tuple(places)) if places else (definition, ())


def cleaned(value: Any, place: tuple[str, ...], found: list[str]) -> Any:
    """The value without secrets; `found` gets the places. A reference to data of the run is never one."""
    if isinstance(value, Mapping):
        return {name: cleaned(item, (*place, name), found) for name, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item, (*place, str(index + 1)), found) for index, item in enumerate(value)]
    if not isinstance(value, str) or not value:
        return value
    is_named = bool(place) and _NAME.search(place[-1]) and not params.is_template(value)
    clean = LEFT_OUT if is_named else IN_TEXT.sub(LEFT_OUT, value)
    if clean != value:
        found.append(".".join(place))
    return clean


def _clean_steps(steps: list[dict[str, Any]], places: list[str]) -> None:
    for node in steps:
        found: list[str] = []
        if "with" in node:
            node["with"] = cleaned(node["with"], (), found)
        places += [f"{node['id']}: {place}" for place in found]
        for name in ("steps", "rescue", "otherwise"):
            _clean_steps(node.get(name) or [], places)
        for part in (*(node.get("cases") or ()), *(node.get("arms") or ())):
            _clean_steps(part.get("steps", []), places)
