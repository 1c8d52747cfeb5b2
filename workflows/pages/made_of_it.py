"""What people made of it, as bars and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from workflows.models import Verdict, Workflow
from workflows.pages.showing import took
from workflows.services.measures import StepMeasure, Unread, Verdicts, measures_of

TONES: Mapping[Verdict, str] = {
    Verdict.ACCEPTED: "ok",
    Verdict.LIGHTLY: "run",
    Verdict.HEAVILY: "wait",
    Verdict.SENT_BACK: "plain",
    Verdict.REJECTED: "bad",
}
MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a bar, in percent of the whole."""

    label: str
    tone: str
    count: int
    left: float
    width: float

    @property
    def percent(self) -> int:
        return round(self.width)


def bar_of(verdicts: Verdicts) -> list[Stretch]:
    """The parts of the bar from left to right; what never happened has none."""
    found: list[Stretch] = []
    left = 0.0
    for verdict, tone in TONES.items():
        count = getattr(verdicts, verdict.value)
        width = 100 * count / verdicts.total if count else 0.0
        if count:
            found.append(Stretch(str(verdict.label), tone, count, round(left, 2), round(width, 2)))
        left += width
    return found


@dataclass(frozen=True, slots=True)
class Row:
    measure: StepMeasure

    @property
    def bar(self) -> list[Stretch]:
        return bar_of(self.measure.verdicts)

    @property
    def changed(self) -> int | None:
        """Percent of the drafts' words that people changed; None where there were no drafts."""
        words = self.measure.words
        return round(100 * self.measure.words_changed / words) if words else None

    @property
    def open(self) -> str:
        return took(timedelta(seconds=self.measure.open_s))

    @property
    def look(self) -> str:
        return took(timedelta(seconds=self.measure.look_s)) if self.measure.look_s is not None else ""


@dataclass(frozen=True, slots=True)
class MadeOfIt:
    rows: Sequence[Row]
    more: int
    unread: Sequence[Unread]


def made_of_it(workflow: Workflow) -> MadeOfIt:
    found = measures_of(workflow)
    rows = [Row(each) for each in found.steps[:MOST_ROWS]]
    return MadeOfIt(rows, len(found.steps) - len(rows), found.unread)
