"""Items of a list, many in one transaction: who has ended one goes on with those that wait for its place."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

from audit import sql
from workflows.models import Run, RunStatus
from workflows.runtime import children
from workflows.runtime.journey import Journey
from workflows.runtime.settling import Settlement

MOST = 100
SECONDS = 1.0
"""A transaction that lasts longer would make a cancel wait."""


def settle(first: Settlement) -> list[Settlement]:
    """Begin one sibling after the other in the place of `first`, which has ended; the last of them may still go on.

    Inside a transaction: the rows of the siblings are locked.
    """
    until = time.monotonic() + SECONDS
    settled: list[Settlement] = []
    last = first
    for run in _held(first.run) if _leaves_a_place(first) else ():
        last = Settlement(Journey(run, first.journey.tree, {}, run.seq), first.now)
        last.begin()
        last.advance()
        settled.append(last)
        if not _leaves_a_place(last) or time.monotonic() >= until:
            break
    return settled


def _leaves_a_place(settlement: Settlement) -> bool:
    run = settlement.run
    if run.status == RunStatus.FAILED and run.parent_step_id is not None:
        return children.keeps_going(run.parent_step_id)
    return settlement.is_over


def _held(run: Run) -> Iterator[Run]:
    for id, index, scope, title, seq, created_at in sql.rows(_HELD, [run.parent_step_id, MOST - 1]):
        sibling = copy.copy(run)
        sibling.pk, sibling.item_index, sibling.scope, sibling.title = id, index, scope, title
        sibling.seq, sibling.created_at, sibling.status = seq, created_at, RunStatus.QUEUED
        sibling.started_at = sibling.finished_at = sibling.output = sibling.error = None
        yield sibling


_HELD = """
SELECT id, item_index, scope, title, seq, created_at FROM workflows_run
WHERE parent_step_id = %s AND held AND status = 'queued' AND started_at IS NULL
ORDER BY item_index LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
