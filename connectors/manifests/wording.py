"""Names and texts of strangers, made fit for forms, addresses and cards. Pure."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_TAGS = re.compile(r"<[^<>]{0,300}>")
_LINKS = re.compile(r"\[([^\[\]]{1,200})\]\([^()]{0,500}\)")
_MARKS = re.compile(r"[*`#|]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s")


def words(name: str) -> list[str]:
    """`createIssueType` and `create_issue-type` → create, issue, type."""
    return [part.lower() for part in _NOT_WORD.sub(" ", _CAMEL.sub(" ", str(name))).split()]


def spoken(name: str) -> str:
    """A name as the title of a field: `dueDate` → Due date."""
    text = " ".join(words(name))[:80]
    return text[:1].upper() + text[1:] or "Value"


def identifier(name: str, taken: Container[str], longest: int) -> str:
    """Small letters, digits and _, beginning with a letter, and free."""
    base = "_".join(words(name)) or "value"
    base = base if base[0].isalpha() else f"x_{base}"
    wanted = base[:longest].rstrip("_")
    number = 2
    while wanted in taken:
        end = f"_{number}"
        wanted = base[: longest - len(end)].rstrip("_") + end
        number += 1
    return wanted


def plain(text: Any, longest: int) -> str:
    """A description without its markup, on one line; cut at a sentence, or at a word."""
    if not isinstance(text, str):
        return ""
    # No more than this is looked at: a description may be megabytes long.
    text = _LINKS.sub(r"\1", _TAGS.sub(" ", text[: longest * 6 + 600]))
    text = " ".join(_MARKS.sub("", text).split())
    text = "".join(sign for sign in text if sign.isprintable())
    return cut(text, longest)


def cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    whole = ""
    for sentence in _SENTENCE.split(text[: longest + 1])[:-1]:
        whole = f"{whole} {sentence}".strip()
    return whole if len(whole) > longest // 3 else text[: longest - 1].rsplit(" ", 1)[0].rstrip(",;: ") + "…"


def sentence(text: str) -> str:
    """With a full stop, so that others can follow."""
    return text if not text or text[-1] in ".!?…" else f"{text}."
