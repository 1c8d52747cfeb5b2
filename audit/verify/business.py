"""The deeds against the rows they are about: what was done has its entry, and what has an entry was done.

Runs that were accepted, answers that people gave, runs that somebody ended, versions that were published. What the
machine did step by step stands in the journal, which is no part of the ledger; here only its numbers are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .encoding import Row
from .sources import Source

if TYPE_CHECKING:
    from .checking import Findings

BEGUN = ("run.started", "run.tested")


class Business:
    """What the entries say, gathered as they are read."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._decided: Counter[str] = Counter()
        self._published: Counter[tuple[str, str]] = Counter()

    def hear(self, row: Row) -> None:
        if row.verb in BEGUN and row.run_id:
            self._begun[row.run_id] += 1
        elif row.verb == "run.cancelled" and row.run_id:
            self._ended[row.run_id] += 1
        elif row.verb == "task.decided":
            self._decided[row.object_id] += 1
        elif row.verb == "workflow.published" and isinstance(row.detail, dict):
            self._published[row.object_id, str(row.detail.get("version"))] += 1

    def reconcile(self, source: Source, findings: Findings) -> bool:
        """Whether the business could be read at all."""
        runs = source.table("workflows_run", ("id", "cancel_asked_at", "seq"))
        journal = source.table("workflows_journalentry", ("run_id", "event", "seq"))
        if runs is None or journal is None:
            return False
        self._check_runs(runs, journal, findings)
        self._check_answers(source, findings)
        self._check_versions(source, findings)
        return True

    def _check_runs(self, runs: Iterator[Sequence[Any]], journal: Iterator[Sequence[Any]], findings: Findings) -> None:
        """The tables are read one after the other: a connection has one stream at a time."""
        found, ended, reached = set(), set(), {}
        for id, asked, seq in runs:
            found.add(id)
            reached[id] = int(seq)
            if asked:
                ended.add(id)
        accepted, written = Counter[str](), Counter[str]()
        for id, event, _ in journal:
            written[id] += 1
            accepted[id] += event == "run.accepted"
        for id in found:
            if reached[id] != written[id]:
                findings.add(
                    "journal", f"Run {id} counts {reached[id]} lines of its journal, and {written[id]} are there."
                )
        _compare(accepted, self._begun, "Run {} was accepted {} times, and the ledger says so {} times.", findings)
        for id in self._begun.keys() - found:
            findings.add("business", f"The ledger tells of run {id}, which is not there.")
        _compare(Counter(ended), self._ended, "Run {} was ended by people {} times, and the ledger says {}.", findings)

    def _check_answers(self, source: Source, findings: Findings) -> None:
        given = Counter[str]()
        for task, via in source.table("workflows_decision", ("task_id", "via")) or ():
            given[task] += via != "time"
        _compare(given, self._decided, "Task {} has {} answers of people, and the ledger tells of {}.", findings)
        for task, status in source.table("workflows_task", ("id", "status")) or ():
            if status == "decided" and not self._decided[task] and not given[task]:
                findings.add("business", f"Task {task} is decided, and the ledger does not say by whom.")

    def _check_versions(self, source: Source, findings: Findings) -> None:
        versions = source.table("workflows_version", ("workflow_id", "number", "is_test"))
        there = {(workflow, number) for workflow, number, is_test in versions or () if is_test in ("f", "false")}
        for workflow, number in there - self._published.keys():
            findings.add("business", f"Version {number} of workflow {workflow} is there, and nobody published it.")
        for workflow, number in self._published.keys() - there:
            findings.add("business", f"Version {number} of workflow {workflow} was published, and is not there.")


def _compare(done: Counter[str], told: Counter[str], sentence: str, findings: Findings) -> None:
    for id in done.keys() | told.keys():
        if done[id] != told[id]:
            findings.add("business", sentence.format(id, done[id], told[id]))
