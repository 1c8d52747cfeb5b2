"""What is other between two definitions, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.engine.definition import Definition
from workflows.engine.differences.frame import head_differences, input_differences, result_differences
from workflows.engine.differences.steps import Pair, step_differences
from workflows.engine.differences.telling import Deed, Difference, Thing, Word
from workflows.engine.differences.values import MISSING
from workflows.engine.differences.words import Kinds

__all__ = ["MISSING", "Deed", "Difference", "Thing", "Word", "differences"]


def differences(old: Definition, new: Definition, kinds: Kinds) -> Sequence[Difference]:
    """Name and inputs first, then the steps as the newer definition is read, then the results.

    Empty exactly where the two mean the same: the order of a step's fields (`with`) is of no account, that of inputs,
    results, steps and of names inside a value is.
    """
    return (
        *head_differences(old, new),
        *input_differences(old, new),
        *step_differences(Pair(old, new, kinds)),
        *result_differences(old, new),
    )
