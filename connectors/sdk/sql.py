"""Databases as connectors and steps see them: statements in which values have names, and never are text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

POSTGRESQL, MYSQL = "postgresql", "mysql"
USUAL_PORTS = {POSTGRESQL: 5432, MYSQL: 3306}

_NAME = r"(?P<name>[A-Za-z_]\w*)"
# What is passed over whole: texts, quoted names, remarks, and the colons that mean something else.
_PASSED_OVER = {
    POSTGRESQL: r"""\b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
        | --[^\n]* | /\*.*?\*/ | ::|:=""",
    MYSQL: r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` | --\s[^\n]* | \#[^\n]* | /\*.*?\*/ | :=""",
}
_SCANNERS = {
    system: re.compile(rf"(?P<over>{passed})|:{_NAME}", re.VERBOSE | re.DOTALL)
    for system, passed in _PASSED_OVER.items()
}


_READS = {
    POSTGRESQL: re.compile(r"[\s(]*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE),
    MYSQL: re.compile(r"[\s(]*(SELECT|WITH|VALUES|TABLE|SHOW|DESC|DESCRIBE|EXPLAIN)\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Database:
    """Where it is and as whom. `system`: postgresql or mysql (MariaDB as well); `security`: tls or none."""

    system: str
    host: str
    port: int
    name: str
    user: str
    security: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query gave, in JSON's own types; `more`: there were more than were wanted."""

    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows that are to be in a table: those whose `keys` are there are changed, the others added."""

    table: str
    columns: Sequence[str]
    keys: Sequence[str]
    rows: Sequence[Mapping[str, Any]] = field(repr=False)


class Sql(Protocol):
    """One database. In a statement `:name` stands for a value; values travel beside it and are never read as SQL."""

    def read(self, query: str, values: Mapping[str, Any], most: int) -> Rows:
        """One query, which cannot change anything. Raises BadParams, AuthFailed, Rejected, Unavailable."""
        ...

    def write(self, statement: str, values: Mapping[str, Any]) -> int:
        """One statement, wholly or not at all: how many rows it touched.

        Raises what `read` does; Unavailable with `maybe_done` when the line broke before the database had answered.
        """
        ...

    def upsert(self, wanted: Upsert) -> None:
        """All rows or none. Raises what `write` does; BadParams where the table does not keep `keys` apart."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """The place of a value."""

    name: str


def pieces(statement: str, system: str) -> Iterator[str | Named]:
    """The statement, cut at the names of its values."""
    end = 0
    for found in _SCANNERS[system].finditer(statement):
        if found["name"]:
            yield statement[end : found.start()]
            yield Named(found["name"])
            end = found.end()
    yield statement[end:]


def names(statement: str, system: str) -> list[str]:
    """Of the values that it needs, each once, in order."""
    return list(dict.fromkeys(piece.name for piece in pieces(statement, system) if isinstance(piece, Named)))


def bare(statement: str, system: str) -> str:
    """The statement without texts, quoted names and remarks, for a look at its words."""
    return _SCANNERS[system].sub(lambda found: " " if found["over"] else found[0], statement)


def reads(statement: str, system: str) -> bool:
    """Whether it begins as a question does; what it does all the same, the database itself refuses."""
    return _READS[system].match(bare(statement, system)) is not None
