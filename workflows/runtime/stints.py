"""How much of a run one transaction carries on."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sdk import Action
from workflows.runtime import limits


@dataclass(frozen=True, slots=True)
class Stint:
    """How much of a run one transaction carries on at most. `starts_runs`: also steps that bring up other runs."""

    steps: int
    seconds: float
    starts_runs: bool = True

    def does(self, kind: type[Action]) -> bool:
        return kind.local and (self.starts_runs or not kind.starts_runs)


WORKER = Stint(steps=limits.LOCAL_STEPS_PER_TRANSACTION, seconds=5.0)
AT_THE_START = Stint(steps=50, seconds=0.05, starts_runs=False)
"""Somebody waits for the answer: what takes longer is a worker's."""
