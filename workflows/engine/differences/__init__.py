"""What is other between two definitions, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.engine.definition import Definition
from workflows.engine.differences.frame import head_differences, input_differences, result_differences
from workflows.engine.differences.renames import followed
from workflows.engine.differences.steps import Pair, step_differences
from workflows.engine.differences.telling import Difference, Differs, Thing, Word
from workflows.engine.differences.values import MISSING
from workflows.engine.differences.words import Kinds

__all__ = ["MISSING", "Difference", "Differs", "Thing", "Word", "differences"]


def differences(old: Definition, new: Definition, kinds: Kinds) -> Sequence[Difference]:
    """Short names first, then name and inputs, the steps as the newer definition is read, and the results.

    Empty exactly where the two mean the same: the order of a step's fields (`with`) is of no account, that of inputs,
    results, steps and of names inside a value is.
    """
    told, old = followed(old, new, kinds)
    return (
        *told,
        *head_differences(old, new),
        *input_differences(old, new),
        *step_differences(Pair(old, new, kinds)),
        *result_differences(old, new),
    )
