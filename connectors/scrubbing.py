"""Takes the values of secrets out of whatever is written (rule S10), by exact value and in the forms they travel in.

A process knows the values that it has opened, and those it was started with; what it never opened it cannot tell.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

from ahocorasick_rs import AhoCorasick, MatchKind

SHORTEST = 8
"""Characters; what is shorter would take ordinary words out of ordinary texts."""
INSTEAD = "[secret]"
MOST_LATELY = 100


class Scrubber:
    """Immutable once made, so that threads may share it.

    A machine over all values takes a second to make for 10,000 of them; what was learnt lately has a small one of its
    own until there is enough of it.
    """

    def __init__(
        self, values: Iterable[str] = (), lately: Iterable[str] = (), machine: AhoCorasick | None = None
    ) -> None:
        """`machine` is the one over `values`, where it is made already."""
        self._settled, self._lately = _long_enough(values), _long_enough(lately)
        self.values = self._settled | self._lately
        self._machine = machine or _machine(self._settled)
        self._small = _machine(self._lately)

    def with_more(self, values: Iterable[str]) -> Scrubber:
        """One that knows these too."""
        lately = self._lately | (_long_enough(values) - self._settled)
        if len(lately) > MOST_LATELY:
            return Scrubber(self._settled | lately)
        return Scrubber(self._settled, lately, self._machine)

    def text(self, text: str) -> str:
        parts, at = [], 0
        for start, end in _apart(self._places(text)):
            parts += [text[at:start], INSTEAD]
            at = end
        return "".join([*parts, text[at:]]) if parts else text

    def _places(self, text: str) -> list[tuple[int, int]]:
        machines = filter(None, (self._machine, self._small))
        return sorted((start, end) for each in machines for _, start, end in each.find_matches_as_indexes(text))

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it scrubbed, names too."""
        if not self.values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(name): self.value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value


def _long_enough(values: Iterable[str]) -> frozenset[str]:
    return frozenset(value for value in values if len(value) >= SHORTEST)


def _machine(values: Iterable[str]) -> AhoCorasick | None:
    forms = sorted({form for value in values for form in _forms(value)})
    return AhoCorasick(forms, matchkind=MatchKind.LeftmostLongest) if forms else None


def _apart(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order; those that overlap as one: a value may stand inside another, which the other machine knows."""
    apart: list[tuple[int, int]] = []
    for start, end in places:
        if apart and start < apart[-1][1]:
            start, end = apart[-1][0], max(apart.pop()[1], end)
        apart.append((start, end))
    return apart


def _forms(value: str) -> Iterator[str]:
    raw = value.encode()
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (quote(value), quote(value, safe=""), quote_plus(value))
    yield from (raw.hex(), raw.hex().upper())
    for before in range(3):
        for core in _base64_cores(raw, before):
            if len(core) >= SHORTEST:
                yield core


def _base64_cores(raw: bytes, before: int) -> Iterator[str]:
    """What surely stands in the base64 of any text that has the value after so many other bytes (of three)."""
    padded = bytes(before) + raw
    whole = len(padded) - len(padded) % 3
    skipped = 4 if before else 0
    yield base64.b64encode(padded[:whole])[skipped:].decode()
    yield base64.urlsafe_b64encode(padded[:whole])[skipped:].decode()


# ── what this process knows ──────────────────────────────────────────────────────────────────────────────────────────

_known = Scrubber()
_lock = Lock()


def learn(values: Iterable[str]) -> None:
    """From now on these are taken out of what this process writes."""
    global _known
    new = _long_enough(values)
    if new <= _known.values:
        return
    with _lock:
        _known = _known.with_more(new)


def known() -> Scrubber:
    return _known


class LogFilter(logging.Filter):
    """On every handler: what was logged, with its arguments and its traceback, without secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _known.values:
            return True
        record.msg, record.args = _known.text(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = _known.text(record.exc_text)
        return True
