"""What the throw-away reader tells its parent. Standard library only: it is loaded anew for every document."""

from __future__ import annotations

from dataclasses import dataclass, field

Cell = str | int | float | bool | None

ROWS_MAX = 20_000
COLUMNS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost: bytes of memory, seconds of computing, seconds on the wall, bytes of answer."""

    memory: int = 512 * 1024 * 1024
    cpu_s: int = 20
    wall_s: float = 30
    answer: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """`numbers` are the places of the rows in the document, where its header is row `header`; 0 says it has none."""

    name: str
    columns: list[str]
    rows: list[list[Cell]]
    numbers: list[int]
    header: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a document. `passages` are (place, text).

    To keep the answer small nothing is said twice: without `text` it is the passages joined, without `passages` they
    are the paragraphs of the text, and with neither both are made from the tables.
    """

    text: str = ""
    passages: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    title: str = ""
    pages: int | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Attached:
    """`content` is base64, as JSON asks for."""

    name: str
    type: str
    content: str


@dataclass(slots=True)
class Mail:
    """An e-mail that lay in a mailbox."""

    sender: str
    to: list[str]
    subject: str
    text: str
    problems: list[str]
    files: list[Attached] = field(default_factory=list)


class Refusal(Exception):
    """The document is not read. `code`: `bad_params` when another file would do, `rejected` when this one does harm."""

    def __init__(self, sentence: str, code: str = "bad_params") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


def table_of(name: str, numbered: list[tuple[int, list[Cell]]]) -> Table:
    """The first row names the columns; each name appears once, and a column without a name gets its number."""
    width = max((_filled(row) for _, row in numbered), default=0)
    if width > COLUMNS_MAX:
        raise Refusal(f"it has a table with {width:,} columns; we read at most {COLUMNS_MAX:,}.")
    if not numbered:
        return Table(name, [], [], [])
    (header, titles), *rest = numbered
    padded = [[*row[:width], *[None] * (width - len(row))] for _, row in rest]
    return Table(name, columns(titles, width), padded, [number for number, _ in rest], header)


def columns(titles: list[Cell], width: int) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for place in range(width):
        title = titles[place] if place < len(titles) else None
        name = " ".join(str(title).split()) if title is not None else ""
        names.append(_unused(name or f"column {place + 1}", taken))
        taken.add(names[-1])
    return names


def _filled(row: list[Cell]) -> int:
    return next((place for place in range(len(row), 0, -1) if row[place - 1] not in (None, "")), 0)


def _unused(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate
