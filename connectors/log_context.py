"""What a line of the log is about: the request, the run, the step. Each thread has its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=NOTHING)


@contextmanager
def about(**things: object) -> Iterator[None]:
    """Lines written inside say so: `with about(run_id=run.pk, step_id=step.pk)`."""
    token = _about.set({**_about.get(), **{name: str(thing) for name, thing in things.items()}})
    try:
        yield
    finally:
        _about.reset(token)


class ContextFilter(logging.Filter):
    """On every handler: gives each line what it is about, as fields of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, thing in _about.get().items():
            setattr(record, name, thing)
        return True
