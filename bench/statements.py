"""What PostgreSQL's log tells of the statements it was asked to perform. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PREFIX = "%a|%p|"
"""The log's `log_line_prefix`: whose connection, and which server process."""
ENTRY = re.compile(r"^(\w*)\|(\d+)\|LOG:  (?:statement|execute [^:]*): ?(.*)$", re.DOTALL)
LITERALS = (
    (re.compile(r"'(?:[^']|'')*'"), "?"),
    (re.compile(r"\b\d+(?:\.\d+)?\b"), "?"),
    (re.compile(r"\(\s*\?(?:::\w+)?(?:\s*,\s*(?:\?|NULL|DEFAULT|true|false)(?:::\w+)?)*\s*\)"), "(…)"),
    (re.compile(r"(?:\(…\)\s*,\s*)+\(…\)"), "(…)"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"SELECT .{60,}? FROM "), "SELECT … FROM "),
)
LONGEST = 150
EMPTY = "(empty: the pool asks whether the connection lives)"
ENDS = ("COMMIT", "ROLLBACK")
BRACKETS = ("BEGIN", *ENDS, "SAVEPOINT", "RELEASE")


@dataclass
class Told:
    """Statements without their values, and how often each; by process that asked; transactions, read-only or not."""

    statements: Counter[str] = field(default_factory=Counter)
    by_process: Counter[str] = field(default_factory=Counter)
    transactions: int = 0

    @property
    def about_transactions(self) -> int:
        """Statements that only begin and end transactions."""
        return sum(count for text, count in self.statements.items() if text.partition(" ")[0] in BRACKETS)


def read(log: str, processes: tuple[str, ...]) -> Told:
    """What these processes asked for."""
    told = Told()
    inside: set[str] = set()
    for entry in _entries(log):
        found = ENTRY.match(entry)
        if found is None or found[1] not in processes:
            continue
        process, server, text = found.groups()
        told.statements[shape(text)] += 1
        told.by_process[process] += 1
        if text.startswith("BEGIN"):
            inside.add(server)
        elif server not in inside or (text.startswith(ENDS) and "SAVEPOINT" not in text):
            told.transactions += 1
            inside.discard(server)
    return told


def shape(text: str) -> str:
    """The statement without its values, short enough for a table."""
    for pattern, instead in LITERALS:
        text = pattern.sub(instead, text)
    return text.strip()[:LONGEST] or EMPTY


def _entries(log: str) -> Iterator[str]:
    """One entry each; PostgreSQL writes the further lines of one behind a tab."""
    entry = ""
    for line in log.splitlines():
        if line.startswith("\t"):
            entry += f"\n{line[1:]}"
            continue
        yield entry
        entry = line
    yield entry
