"""What the planner knows of a run: one small record per step that has come up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

OVER = frozenset({"succeeded", "skipped"})
"""States after which the sequence goes on, as it does after a failure that the workflow tolerates."""


class StepState(Protocol):
    """A step as the planner sees it. `arms` and `round` are those entered last."""

    @property
    def status(self) -> str: ...
    @property
    def arms(self) -> tuple[str, ...]: ...
    @property
    def round(self) -> int: ...
    @property
    def catches(self) -> bool: ...
    @property
    def tolerated(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The plainest step state, for tests and models of the engine."""

    status: str
    arms: tuple[str, ...] = ()
    round: int = 0
    catches: bool = False
    tolerated: bool = False


State = Mapping[str, StepState]
