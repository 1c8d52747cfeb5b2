"""YAML 1.2 as people read it: no aliases (a bomb needs them), no tags, dates stay text, names occur once.

`ruamel.yaml` rather than PyYAML: in YAML 1.2 a `no` stays a word, and a question mark may end a title.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

DEEPEST = 100
MOST_PARTS = 40_000
"""Values, names, and beginnings and ends of lists: 500 steps with 80 each. Reading takes about 0.1 ms a part, so that
a file of a megabyte that holds nothing but commas would keep a process busy for a minute."""


class NotReadable(ValueError):
    """Not YAML, or YAML that we do not take; the message names the line."""


def loads(text: str) -> Any:
    """Raises NotReadable."""
    try:
        _refuse_bombs(text)
        return _yaml().load(text)
    except YAMLError as error:
        raise NotReadable(f"not YAML: {error}") from None
    except RecursionError:
        raise NotReadable(f"nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise error if isinstance(error, NotReadable) else NotReadable(f"not YAML: {error}") from None


def dumps(value: Any) -> str:
    """Long texts as blocks, so that a person can read and change them."""
    stream = io.StringIO()
    _yaml().dump(value, stream)
    return stream.getvalue()


class _Constructor(SafeConstructor):
    """A date is text until a step reads it: JSON has no dates, and both forms must mean the same."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _block_text(representer: SafeRepresenter, text: str) -> ScalarNode:
    # A block keeps a text as it is only where nothing invisible is in it; quotes escape the rest.
    style = "|" if _is_plain_block(text) else ('"' if _has_invisible(text) else None)
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Representer.add_representer(str, _block_text)


def _is_plain_block(text: str) -> bool:
    lines = text.split("\n")
    return (
        len(lines) > 1 and text[0] not in " \n" and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _has_invisible(text: str) -> bool:
    return not text.isprintable()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 110
    return yaml


def _refuse_bombs(text: str) -> None:
    depth = 0
    for number, event in enumerate(_yaml().parse(text)):
        if number > MOST_PARTS:
            raise NotReadable(f"more than {MOST_PARTS:,} values (line {event.start_mark.line + 1})")
        if isinstance(event, AliasEvent):
            raise NotReadable(f"aliases are not allowed (line {event.start_mark.line + 1})")
        depth += {"MappingStartEvent": 1, "SequenceStartEvent": 1, "MappingEndEvent": -1, "SequenceEndEvent": -1}.get(
            type(event).__name__, 0
        )
        if depth > DEEPEST:
            raise NotReadable(f"nested deeper than {DEEPEST} levels (line {event.start_mark.line + 1})")
