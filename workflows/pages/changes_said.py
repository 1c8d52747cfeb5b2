"""Differences between two definitions as a page tells them: a sentence each, with the words that were changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows.engine.definition import Definition, Node
from workflows.engine.differences import MISSING, Difference, Word, differences
from workflows.engine.redline import Difference as Words
from workflows.engine.redline import difference
from workflows.runtime.kinds import kinds

MOST = 60


@dataclass(frozen=True, slots=True)
class Said:
    """One difference: `words` for texts, else `before` and `after` where there is something to show."""

    sentence: str
    words: Words | None = None
    before: Any = None
    after: Any = None

    @property
    def has_values(self) -> bool:
        return self.words is None and not (self.before is None and self.after is None)


def steps_said(before: Sequence[Node], after: Sequence[Node]) -> list[Said]:
    """What is other between two lists of steps."""
    return definitions_said(_wrapped(before), _wrapped(after))


def definitions_said(before: Definition, after: Definition) -> list[Said]:
    return [_said(each) for each in differences(before, after, kinds())][:MOST]


def text_said(before: str, after: str) -> list[Said]:
    """What is other between two texts of a prompt."""
    changed = difference(before, after)
    return [] if changed.is_none else [Said(_("The text is another"), words=changed)]


def _wrapped(steps: Sequence[Node]) -> Definition:
    bare = [node.model_copy(update={"saved": None}) for node in steps]
    return Definition(name=_("Saved steps"), steps=bare)


def _said(each: Difference) -> Said:
    names = {name: _(word) if isinstance(word, Word) else word for name, word in each.names.items()}
    sentence = _(each.sentence).format_map(names)
    before, after = (None if value is MISSING else value for value in (each.before, each.after))
    if isinstance(before, str) and isinstance(after, str):
        return Said(sentence, words=difference(before, after))
    return (
        Said(sentence) if isinstance(before, dict) or isinstance(after, dict) else Said(sentence, None, before, after)
    )
