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


class Scrubber:
    """Immutable once made, so that threads may share it."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(value for value in values if len(value) >= SHORTEST)
        forms = sorted({form for value in self.values for form in _forms(value)})
        self._machine = AhoCorasick(forms, matchkind=MatchKind.LeftmostLongest) if forms else None

    def text(self, text: str) -> str:
        if self._machine is None or not (found := self._machine.find_matches_as_indexes(text)):
            return text
        parts, at = [], 0
        for _, start, end in found:
            parts += [text[at:start], INSTEAD]
            at = end
        return "".join([*parts, text[at:]])

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it scrubbed, names too."""
        if self._machine is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(name): self.value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value


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
    new = {value for value in values if len(value) >= SHORTEST}
    if new <= _known.values:
        return
    with _lock:
        _known = Scrubber(_known.values | new)


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
