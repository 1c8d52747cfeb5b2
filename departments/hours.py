"""Working time: when a number of working hours has passed, and how much of it lies between two moments.

Everything is reckoned from what it is given; no row is read here. What people write as hours and as days off is read
here too, and refused with a sentence: the fields have the readers as validators.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS as WEEKDAY_TITLES
from django.utils.translation import gettext as _

from departments.public_holidays import public_holidays

if TYPE_CHECKING:
    from departments.models import Department

Span = tuple[int, int]
"""A part of a day, in minutes after its midnight: (540, 1020) is 09:00 to 17:00, and 1440 the midnight at its end."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_REST = timedelta(days=2 * 366)
LONGEST_WAIT_H = 20_000
"""Some ten years of a usual week: what is longer is a slip, and would take long to reckon."""

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
MIDNIGHT = 24 * 60
ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)


class NoWorkingHours(ValueError):
    """A calendar in which nobody works for two years."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work: parts of each weekday (Monday is 0, in order, none overlapping), except on the days `off`.

    The parts are read off the clock in `time_zone`. A time that the clock shows twice, in autumn, is its first one; a
    time that it jumps over, in spring, is the moment of the jump. So a night has the hours that it really has.
    """

    time_zone: ZoneInfo
    spans: Mapping[int, Sequence[Span]]
    off: Container[date] = frozenset()

    def after(self, start: datetime, hours: float) -> datetime:
        """The first moment, in UTC, at which that many working hours have passed since `start`; for 0 it is `start`.

        Raises NoWorkingHours when two years go by without work, ValueError for fewer than 0 or more than 20,000 hours.
        """
        if not 0 <= hours <= LONGEST_WAIT_H:
            raise ValueError(f"{hours} working hours: not between 0 and {LONGEST_WAIT_H}")
        start, left = start.astimezone(UTC), timedelta(hours=hours)
        if not left:
            return start

        for opens, closes in self._stretches_from(start):
            begins = max(opens, start)
            if left <= closes - begins:
                return begins + left
            left -= closes - begins
        raise NoWorkingHours(f"nobody works within two years, {self.time_zone}")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from `start` to `end`; less than nothing when `end` comes first."""
        # In UTC from the start: Python compares two moments of one zone by what its clock shows.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end < start:
            return -self.between(end, start)

        # One day more: a clock that is put back over midnight shows the old day again after the new one began.
        first, last = self._day_of(start), self._day_of(end) + ONE_DAY
        days = (first + ONE_DAY * number for number in range((last - first).days + 1))
        parts = (min(closes, end) - max(opens, start) for day in days for opens, closes in self._stretches_on(day))
        return sum((part for part in parts if part > timedelta()), timedelta())

    def _stretches_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """What is not over at `start`, in order, until nobody works for two years."""
        day = worked_on = self._day_of(start)
        while day - worked_on <= LONGEST_REST:
            for opens, closes in self._stretches_on(day):
                if closes > start:
                    worked_on = day
                    yield opens, closes
            day += ONE_DAY

    def _stretches_on(self, day: date) -> list[tuple[datetime, datetime]]:
        if day in self.off:
            return []
        spans = self.spans.get(day.weekday(), ())
        return [(self._moment(day, opens), self._moment(day, closes)) for opens, closes in spans]

    def _moment(self, day: date, minute: int) -> datetime:
        """In UTC, the first moment at which the clock shows this minute of the day or a later one."""
        wanted = datetime.combine(day, time.min) + ONE_MINUTE * minute
        moment = wanted.replace(tzinfo=self.time_zone).astimezone(UTC)
        gap = self._shown(moment) - wanted
        while gap and self._shown(moment - ONE_MINUTE) >= wanted:  # the clock jumps over it: go back to the jump
            moment -= ONE_MINUTE
        return moment

    def _shown(self, moment: datetime) -> datetime:
        return moment.astimezone(self.time_zone).replace(tzinfo=None)

    def _day_of(self, moment: datetime) -> date:
        return self._shown(moment).date()


@dataclass(frozen=True, slots=True)
class DaysOff:
    """The public holidays and the department's own days."""

    public: Container[date]
    own: Container[date]

    def __contains__(self, day: object) -> bool:
        return day in self.own or day in self.public


def calendar_of(department: Department) -> Calendar:
    """The calendar that stands in the department's settings."""
    return Calendar(
        time_zone=ZoneInfo(department.time_zone),
        spans=spans_of(department.working_hours),
        off=DaysOff(public_holidays(department.holidays_of), days_of(department.days_off)),
    )


def usual_hours() -> dict[str, list[list[str]]]:
    """Monday to Friday, nine to five, as it stands in a department."""
    return {weekday: [["09:00", "17:00"]] for weekday in WEEKDAYS[:5]}


def spans_of(written: object) -> dict[int, list[Span]]:
    """{"monday": [["09:00", "17:00"]]} → {0: [(540, 1020)], 1: [], …}. Midnight at the end is 00:00 or 24:00.

    Raises ValidationError with a sentence for each weekday that is wrong.
    """
    if not isinstance(written, dict):
        raise ValidationError(_('Write the hours of each weekday, like {"monday": [["09:00", "17:00"]]}.'))
    if unknown := [str(name) for name in written if name not in WEEKDAYS]:
        raise ValidationError(_("“%(name)s” is no weekday. Write monday, tuesday and so on.") % {"name": unknown[0]})

    spans: dict[int, list[Span]] = {}
    wrong: list[str] = []
    for number, name in enumerate(WEEKDAYS):
        try:
            spans[number] = _spans_of_a_day(written.get(name, []))
        except _Wrong as said:
            wrong.append(f"{WEEKDAY_TITLES[number]}: {said}")
    if wrong:
        raise ValidationError(wrong)
    if not any(spans.values()):
        raise ValidationError(_("Nobody works on any day. Fill in the hours of at least one day."))
    return spans


def days_of(written: object) -> frozenset[date]:
    """["2026-12-24"] → those days. Raises ValidationError naming what is no day."""
    if not isinstance(written, list):
        raise ValidationError(_('Write a list of days, like ["2026-12-24"].'))
    return frozenset(_day(day) for day in written)


class _Wrong(Exception):
    """What is wrong with one weekday."""


def _spans_of_a_day(written: object) -> list[Span]:
    if not isinstance(written, list) or not all(isinstance(span, list) and len(span) == 2 for span in written):
        raise _Wrong(_('write the parts of the day, like [["09:00", "12:00"], ["13:00", "17:00"]].'))

    spans = sorted((_minute(opens), _minute(closes) or MIDNIGHT) for opens, closes in written)
    for opens, closes in spans:
        if closes <= opens:
            said = _("%(opens)s to %(closes)s ends before it begins. Split work through the night at 00:00.")
            raise _Wrong(said % {"opens": _clock(opens), "closes": _clock(closes)})
    for (_opens, closes), (opens, _closes) in pairwise(spans):
        if opens < closes:
            said = _("the part from %(opens)s begins before the one before it has ended.")
            raise _Wrong(said % {"opens": _clock(opens)})
    return spans


def _minute(clock: object) -> int:
    if clock == "":
        raise _Wrong(_("a part has no beginning or no end. Fill in both, or clear both."))
    if not isinstance(clock, str) or not CLOCK.fullmatch(clock):
        raise _Wrong(_("“%(time)s” is no time. Write it like 09:00.") % {"time": clock})
    return int(clock[:2]) * 60 + int(clock[3:])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _day(written: object) -> date:
    try:
        if isinstance(written, str) and len(written) == 10:
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise ValidationError(_("“%(day)s” is no day. Write it like 2026-12-24.") % {"day": written})
