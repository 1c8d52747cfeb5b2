"""Programs of the server itself that a step may talk with, line by line in JSON: as a step sees them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Talk(Protocol):
    """A program that runs now."""

    def say(self, message: Mapping[str, Any], until: int | None) -> Sequence[Mapping[str, Any]]:
        """What it has answered up to the message with the id `until`; nothing where no answer is expected.

        Raises Unavailable (it ended, or says nothing in time), Rejected (it says too much).
        """
        ...


class Program(Protocol):
    """One of those that an administrator lists."""

    def started(self) -> AbstractContextManager[Talk]:
        """Runs until the end of the block, and not on. Raises AuthFailed when the department may not use it."""
        ...
