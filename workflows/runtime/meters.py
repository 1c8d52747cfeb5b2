"""What one process counts of its own work, for its address of metrics. Nothing here is ever waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from prometheus_client import CollectorRegistry, Histogram

REGISTRY = CollectorRegistry(auto_describe=False)
MOST_KINDS = 200
"""Each label costs memory here and in Prometheus: kinds made of manifests could be any number."""
OTHERS = "others"

STEP_SECONDS = Histogram(
    "tandem_step_seconds",
    "How long attempts of steps took, without the time they waited, by kind and by what came of them",
    ["kind", "result"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    registry=REGISTRY,
)

_kinds: set[str] = set()
_lock = Lock()


@contextmanager
def timed(kind: str) -> Iterator[list[str]]:
    """Times what is done inside. An error's code goes into the list that is given; an empty one means done."""
    came: list[str] = []
    began = time.monotonic()
    try:
        yield came
    except BaseException:
        came.append("lost")
        raise
    finally:
        STEP_SECONDS.labels(label(kind), came[-1] if came else "done").observe(time.monotonic() - began)


def label(kind: str) -> str:
    if kind in _kinds:
        return kind
    with _lock:
        if len(_kinds) >= MOST_KINDS:
            return OTHERS
        _kinds.add(kind)
        return kind
