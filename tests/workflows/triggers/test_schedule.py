"""Schedules: what they mean in words, summer time, odd days, and what was missed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workflows.triggers.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")


def settings(**given: Any) -> Schedule.Settings:
    return Schedule.Settings.model_validate({"zone": "Europe/Berlin", **given})


def times(asked: Schedule.Settings, first: datetime, until: datetime) -> list[datetime]:
    found, at = [], first
    while (at := Schedule().next_after(asked, at)) is not None and at < until:
        found.append(at)
    return found


@pytest.mark.parametrize("year", [2026, 2027, 2040])
@pytest.mark.parametrize("at", ["02:30", "02:00", "03:00", "00:00"])
def test_c04_once_for_each_day_whatever_the_clock_does(year: int, at: str) -> None:
    first = datetime(year, 1, 1, tzinfo=BERLIN) - timedelta(seconds=1)
    found = times(settings(how="daily", at=at), first, datetime(year + 1, 1, 1, tzinfo=BERLIN))
    days = Counter(each.astimezone(BERLIN).date() for each in found)
    assert len(found) == len(days) == (366 if year % 4 == 0 else 365)
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"how": "cron", "cron": "0 8 29 2 *"}, "2028-02-29T08:00:00+01:00"),
        ({"how": "monthly", "day_of_month": 31, "at": "08:00"}, "2026-11-30T08:00:00+01:00"),
        ({"how": "monthly", "day_of_month": 30, "at": "08:00"}, "2026-11-30T08:00:00+01:00"),
        ({"how": "weekdays", "at": "8:00"}, "2026-11-30T08:00:00+01:00"),
        ({"how": "weekly", "day": "SUN", "at": "23:59"}, "2026-11-29T23:59:00+01:00"),
        ({"how": "hourly", "zone": "Etc/GMT+12"}, "2026-11-29T00:00:00-12:00"),
        ({"how": "daily", "zone": "Pacific/Kiritimati"}, "2026-11-30T08:00:00+14:00"),
    ],
)
def test_c05_odd_days_and_zones(given: dict[str, Any], expected: str) -> None:
    now = datetime(2026, 11, 29, 11, 30, tzinfo=UTC)
    found = Schedule().next_after(settings(**given), now)
    assert found is not None
    assert found.isoformat() == expected


def test_c05_after_2038() -> None:
    found = Schedule().next_after(settings(how="daily"), datetime(2099, 12, 31, 20, tzinfo=UTC))
    assert found == datetime(2100, 1, 1, 8, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"how": "weekdays"}, "At 08:00 on Monday through Friday (Europe/Berlin)"),
        ({"how": "daily", "zone": ""}, "At 08:00 every day"),
        ({"how": "monthly", "day_of_month": 31}, "At 08:00 on the last day of every month (Europe/Berlin)"),
        ({"how": "cron", "cron": "*/15 8-17 * * 1-5"}, "Every 15th minute from 08:00 through 17:59 on Monday through"),
    ],
)
def test_it_is_said_in_words(given: dict[str, Any], words: str) -> None:
    assert Schedule.said(settings(**given)).startswith(words)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"how": "cron", "cron": "every monday"}, "cron"),
        ({"how": "cron", "cron": "61 * * * *"}, "cron"),
        ({"how": "cron", "cron": "* * * * * *"}, "cron"),
        ({"how": "cron", "cron": "0 0 30 2 *"}, "cron"),
        ({"zone": "Mars/Olympus"}, "zone"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(given: dict[str, Any], field: str) -> None:
    assert list(Schedule.check(settings(**given))) == [field]
