"""A difference as data, with the sentence that tells it. Pages translate the sentence and put the names in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflows.engine.differences.values import MISSING


def gettext_noop(text: str) -> str:
    """Marks a text for the translators; nothing more, for this package knows no language but its own."""
    return text


class Word(str):
    """A word of ours among the names of a sentence: it is translated, while what people wrote is not."""


class Differs(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    RENAMED = "renamed"
    CHANGED = "changed"


class Thing(StrEnum):
    WORKFLOW = "workflow"
    INPUT = "input"
    STEP = "step"
    WAY = "way"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is other than it was.

    `step` is its id in the newer definition, in the older one where it was removed, and empty for what belongs to the
    workflow itself. `field` is a dotted place (`with.labels.neutral.description`, `inputs.article.title`), empty for a
    step as a whole. `before` and `after` are MISSING where there is nothing.
    """

    deed: Differs
    thing: Thing
    sentence: str
    names: Mapping[str, str] = field(default_factory=dict)
    step: str = ""
    field: str = ""
    before: Any = MISSING
    after: Any = MISSING

    @property
    def said(self) -> str:
        """The sentence in English."""
        return self.sentence.format_map(self.names)
