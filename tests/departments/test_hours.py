"""Working hours: when so many have passed, how many lie between, and what is refused as hours and days off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from departments.hours import (
    WEEKDAYS,
    Calendar,
    DaysOff,
    NoWorkingHours,
    calendar_of,
    days_of,
    spans_of,
    usual_hours,
)
from departments.models import Department
from departments.public_holidays import countries, holidays_after, parts_of, public_holidays

BERLIN = ZoneInfo("Europe/Berlin")
USUAL = spans_of(usual_hours())


def every_day(*spans: str) -> dict[int, list[tuple[int, int]]]:
    """ "09:00-12:00" on every day of the week."""
    return spans_of({weekday: [span.split("-") for span in spans] for weekday in WEEKDAYS})


def calendar(spans: Mapping[int, Sequence[tuple[int, int]]] = USUAL, *off: str, zone: ZoneInfo = BERLIN) -> Calendar:
    return Calendar(zone, spans, days_of(list(off)))


def berlin(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=BERLIN)


SPLIT = every_day("09:00-12:00", "13:00-17:00")


@pytest.mark.parametrize(
    ("spans", "start", "hours", "end"),
    [
        # 30 November 2026 is a Monday.
        pytest.param(USUAL, "2026-11-30 10:00", 4, "2026-11-30 14:00", id="within a day"),
        pytest.param(USUAL, "2026-11-30 09:00", 8, "2026-11-30 17:00", id="a whole day ends with the day"),
        pytest.param(USUAL, "2026-11-30 10:00", 8, "2026-12-01 10:00", id="over a night"),
        pytest.param(USUAL, "2026-11-30 10:00", 0.5, "2026-11-30 10:30", id="half an hour"),
        pytest.param(USUAL, "2026-11-30 07:15", 1, "2026-11-30 10:00", id="asked before work"),
        pytest.param(USUAL, "2026-11-30 22:00", 1, "2026-12-01 10:00", id="asked after work"),
        pytest.param(USUAL, "2026-11-30 17:00", 1, "2026-12-01 10:00", id="asked as work ends"),
        pytest.param(USUAL, "2026-12-04 16:00", 2, "2026-12-07 10:00", id="over a weekend"),
        pytest.param(USUAL, "2026-12-05 12:00", 8, "2026-12-07 17:00", id="asked on a Saturday"),
        pytest.param(USUAL, "2026-11-30 09:00", 40, "2026-12-04 17:00", id="a week"),
        pytest.param(USUAL, "2026-11-30 09:00", 41, "2026-12-07 10:00", id="a week and an hour"),
        pytest.param(SPLIT, "2026-11-30 11:00", 2, "2026-11-30 14:00", id="over a break"),
        pytest.param(SPLIT, "2026-11-30 12:30", 1, "2026-11-30 14:00", id="asked in a break"),
        pytest.param(SPLIT, "2026-11-30 09:00", 3, "2026-11-30 12:00", id="ends with the break's begin"),
        pytest.param(every_day("00:00-24:00"), "2026-11-30 10:00", 48, "2026-12-02 10:00", id="round the clock"),
        pytest.param(every_day("22:00-00:00"), "2026-11-30 23:00", 2, "2026-12-01 23:00", id="until midnight"),
        pytest.param(
            every_day("00:00-06:00", "22:00-00:00"), "2026-11-30 23:00", 2, "2026-12-01 01:00", id="through the night"
        ),
    ],
)
def test_the_moment_when_hours_have_passed(
    spans: dict[int, list[tuple[int, int]]], start: str, hours: float, end: str
) -> None:
    moment = calendar(spans).after(berlin(start), hours)

    assert (moment, moment.tzinfo) == (berlin(end), UTC)


def test_no_hours_at_all_have_passed_at_once_whenever_that_is() -> None:
    sunday = berlin("2026-11-29 03:00")

    assert calendar().after(sunday, 0) == sunday


def test_nobody_works_on_days_off() -> None:
    resting = calendar(USUAL, "2026-12-24", "2026-12-25")

    assert resting.after(berlin("2026-12-23 16:00"), 2) == berlin("2026-12-28 10:00")


@pytest.mark.parametrize(
    ("spans", "start", "hours", "end"),
    [
        # Berlin's clocks jump from 02:00 to 03:00 on 29 March 2026, and back from 03:00 to 02:00 on 25 October 2026.
        pytest.param("00:00-24:00", "2026-03-28T12:00+01:00", 24, "2026-03-29T13:00+02:00", id="spring, all day"),
        pytest.param("00:00-24:00", "2026-03-29T00:00+01:00", 23, "2026-03-30T00:00+02:00", id="a day of 23 hours"),
        pytest.param("01:00-04:00", "2026-03-29T00:00+01:00", 2, "2026-03-29T04:00+02:00", id="a night of 2 hours"),
        pytest.param("02:30-05:00", "2026-03-29T00:00+01:00", 1, "2026-03-29T04:00+02:00", id="begins in the jump"),
        pytest.param("01:00-02:30", "2026-03-29T00:00+01:00", 1.5, "2026-03-30T01:30+02:00", id="ends in the jump"),
        pytest.param("02:10-02:50", "2026-03-29T00:00+01:00", 0.5, "2026-03-30T02:40+02:00", id="all in the jump"),
        pytest.param("09:00-17:00", "2026-03-27T16:00+01:00", 9, "2026-03-28T17:00+01:00", id="before the jump"),
        pytest.param("09:00-17:00", "2026-03-28T16:00+01:00", 9, "2026-03-29T17:00+02:00", id="over the jump"),
        pytest.param("00:00-24:00", "2026-10-24T12:00+02:00", 24, "2026-10-25T11:00+01:00", id="autumn, all day"),
        pytest.param("00:00-24:00", "2026-10-25T00:00+02:00", 25, "2026-10-26T00:00+01:00", id="a day of 25 hours"),
        pytest.param("01:00-04:00", "2026-10-25T00:00+02:00", 4, "2026-10-25T04:00+01:00", id="a night of 4 hours"),
        pytest.param("02:30-04:00", "2026-10-25T00:00+02:00", 2.5, "2026-10-25T04:00+01:00", id="from the first 02:30"),
        pytest.param("01:00-02:30", "2026-10-25T00:00+02:00", 1.5, "2026-10-25T02:30+02:00", id="to the first 02:30"),
        pytest.param("01:00-02:30", "2026-10-25T02:40+02:00", 0.5, "2026-10-26T01:30+01:00", id="not to the second"),
        pytest.param("09:00-17:00", "2026-10-24T16:00+02:00", 9, "2026-10-25T17:00+01:00", id="over the repeat"),
    ],
)
def test_hours_are_real_hours_when_the_clocks_change(spans: str, start: str, hours: float, end: str) -> None:
    working = calendar(every_day(spans))

    moment = working.after(datetime.fromisoformat(start), hours)

    assert moment == datetime.fromisoformat(end)
    assert working.between(datetime.fromisoformat(start), moment) == timedelta(hours=hours)


def test_parts_that_touch_in_the_jump_count_nothing_twice() -> None:
    cut = calendar(every_day("00:00-02:20", "02:20-02:40", "02:40-24:00"))
    whole = calendar(every_day("00:00-24:00"))
    start, end = berlin("2026-03-28 00:00"), berlin("2026-03-31 00:00")

    assert cut.between(start, end) == whole.between(start, end) == timedelta(hours=71)


def test_a_clock_put_back_over_midnight_counts_nothing_twice() -> None:
    # St. John's went from 00:01 back to 23:01 of the day before, on 7 November 2010.
    zone = ZoneInfo("America/St_Johns")
    start, end = datetime(2010, 11, 6, 12, tzinfo=zone), datetime(2010, 11, 7, 12, tzinfo=zone)
    second_2330 = datetime(2010, 11, 6, 23, 30, fold=1, tzinfo=zone)
    working = calendar(every_day("00:00-24:00"), zone=zone)

    assert working.between(start, end) == timedelta(hours=25)
    assert working.between(start, second_2330) == timedelta(hours=12.5)
    assert working.after(start, 12.5) == second_2330.astimezone(UTC)
    assert working.between(second_2330, second_2330.replace(fold=0)) == timedelta(hours=-1)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-30 10:00", "2026-11-30 14:00", 4),
        ("2026-11-30 16:00", "2026-12-01 10:00", 2),
        ("2026-11-28 00:00", "2026-11-30 00:00", 0),
        ("2026-11-23 00:00", "2026-11-30 00:00", 40),
        ("2026-11-30 14:00", "2026-11-30 10:00", -4),
        ("2026-11-30 10:00", "2026-11-30 10:00", 0),
    ],
)
def test_the_working_time_between(start: str, end: str, hours: float) -> None:
    assert calendar().between(berlin(start), berlin(end)) == timedelta(hours=hours)


def test_a_calendar_in_which_nobody_works_within_two_years_says_so() -> None:
    class Every:
        def __contains__(self, day: object) -> bool:
            return True

    for idle in (Calendar(BERLIN, USUAL, Every()), Calendar(BERLIN, {weekday: [] for weekday in range(7)})):
        with pytest.raises(NoWorkingHours, match="two years"):
            idle.after(berlin("2026-11-30 10:00"), 1)
        assert idle.between(berlin("2026-11-30 10:00"), berlin("2036-11-30 10:00")) == timedelta()


def test_somebody_who_comes_back_within_two_years_is_waited_for() -> None:
    first_of_1929 = DaysOff(public=frozenset(), own={date(2026, 11, 30) + timedelta(days=n) for n in range(728)})

    assert Calendar(BERLIN, USUAL, first_of_1929).after(berlin("2026-11-30 10:00"), 1) == berlin("2028-11-27 10:00")


@pytest.mark.parametrize("hours", [-0.1, 20_001, float("nan"), float("inf")])
def test_hours_that_are_none_are_refused(hours: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 20000"):
        calendar().after(berlin("2026-11-30 10:00"), hours)


minutes = st.integers(0, 24 * 60)
parts = st.lists(minutes, unique=True, max_size=6).map(
    lambda bounds: list(zip(sorted(bounds)[::2], sorted(bounds)[1::2], strict=False))
)
weeks = st.lists(parts, min_size=7, max_size=7).map(lambda days: dict(enumerate(days)))
zones = st.sampled_from(["Europe/Berlin", "America/St_Johns", "America/Santiago", "Asia/Kathmandu", "UTC"]).map(
    ZoneInfo
)
moments = st.datetimes(datetime(2009, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
hours_of_work = st.integers(0, 600 * 60).map(lambda minutes: minutes / 60)


@settings(max_examples=150, deadline=None)
@given(weeks, zones, moments, hours_of_work, hours_of_work)
def test_after_and_between_agree_and_never_go_backwards(
    week: dict[int, list[tuple[int, int]]], zone: ZoneInfo, start: datetime, hours: float, more: float
) -> None:
    # A span that lies in the hour of a jump only is no work in that week; a minute of work keeps the search short.
    assume(sum(closes - opens for spans in week.values() for opens, closes in spans) >= 120)
    working = Calendar(zone, week, frozenset())

    end, later = working.after(start, hours), working.after(start, hours + more)

    assert abs(working.between(start, end) - timedelta(hours=hours)) < timedelta(milliseconds=1)
    assert start <= end <= later
    assert abs(working.between(end, later) - timedelta(hours=more)) < timedelta(milliseconds=1)
    assert working.between(later, start) == -working.between(start, later)


@settings(max_examples=100, deadline=None)
@given(weeks, zones, moments, st.integers(0, 60 * 24 * 20))
def test_working_time_is_the_minutes_on_which_the_clock_shows_it(
    week: dict[int, list[tuple[int, int]]], zone: ZoneInfo, start: datetime, length: int
) -> None:
    """Against the plainest way of counting: minute by minute, leaving out the day of a change of clocks."""
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=length)
    assume(len({(start + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-24, length // 60 + 26)}) == 1)

    counted = 0
    for minute in range(length):
        shown = (start + timedelta(minutes=minute)).astimezone(zone)
        counted += any(o <= shown.hour * 60 + shown.minute < c for o, c in week[shown.weekday()])

    assert Calendar(zone, week, frozenset()).between(start, end) == timedelta(minutes=counted)


def test_the_calendar_of_a_department_knows_its_zone_hours_holidays_and_own_days() -> None:
    department = Department(
        time_zone="Europe/Berlin",
        holidays_of="DE-BE",
        days_off=["2026-12-24"],
        working_hours={"thursday": [["08:00", "12:00"]]},
    )

    working = calendar_of(department)

    # Thursdays: the 24th is an own day, the 31st is worked; Friday the 25th is Christmas, and no Thursday anyway.
    assert working.after(berlin("2026-12-17 11:00"), 2) == berlin("2026-12-31 09:00")
    assert date(2026, 12, 25) in working.off
    assert date(2027, 3, 8) in working.off, "Women's Day is a holiday in Berlin"
    assert date(2026, 12, 28) not in working.off


def test_a_country_without_its_part_has_the_holidays_of_the_whole() -> None:
    women = date(2027, 3, 8)

    assert [women in public_holidays(code) for code in ("DE-BE", "DE", "")] == [True, False, False]


@pytest.mark.parametrize(
    "code", ["XX", "de", "DE-XX", "DE-be", "DE ", "Germany", "ECB", "HolidayBase", "utils", "__name__"]
)
def test_a_place_whose_holidays_are_not_known_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match=r"are not known\. Write a country like DE"):
        public_holidays(code)


def test_the_next_holidays_are_named() -> None:
    found = holidays_after("DE-BE", date(2026, 12, 24), 3)

    christmas = [(date(2026, 12, 25), "Christmas Day"), (date(2026, 12, 26), "Second Day of Christmas")]
    assert found == [*christmas, (date(2027, 1, 1), "New Year's Day")]
    assert holidays_after("", date(2026, 12, 24), 3) == []


def test_countries_and_their_parts_can_be_chosen() -> None:
    assert {"DE", "SE", "GB", "US"} <= set(countries())
    assert list(parts_of("GB").items())[:2] == [("ENG", "England"), ("NIR", "Northern Ireland")]
    assert (parts_of("SE"), parts_of("XX"), parts_of("")) == ({}, {}, {})


@pytest.mark.parametrize("country", ["DE", "CH", "US", "FR", "ES", "CA"])
def test_every_part_that_can_be_chosen_is_known(country: str) -> None:
    assert parts_of(country)
    for part in parts_of(country):
        Department._meta.get_field("holidays_of").run_validators(f"{country}-{part}")


def test_hours_are_read_in_order_and_midnight_at_the_end_is_written_either_way() -> None:
    read = spans_of({"monday": [["13:00", "17:00"], ["09:00", "12:00"]], "sunday": [["22:00", "00:00"]]})

    assert read == {0: [(540, 720), (780, 1020)], 1: [], 2: [], 3: [], 4: [], 5: [], 6: [(1320, 1440)]}
    assert spans_of({"sunday": [["22:00", "24:00"]]})[6] == [(1320, 1440)]
    assert spans_of({"sunday": [["00:00", "00:00"]]})[6] == [(0, 1440)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], "Write the hours of each weekday"),
        (None, "Write the hours of each weekday"),
        ({}, "Nobody works on any day"),
        ({"monday": []}, "Nobody works on any day"),
        ({"mon": [["09:00", "17:00"]]}, "“mon” is no weekday"),
        ({"monday": "09:00-17:00"}, "Monday: write the parts of the day"),
        ({"monday": [["09:00"]]}, "Monday: write the parts of the day"),
        ({"monday": [["9", "17:00"]]}, "Monday: “9” is no time. Write it like 09:00"),
        ({"monday": [["09:00", ""]]}, "Monday: a part has no beginning or no end"),
        ({"monday": [["", "17:00"]]}, "Monday: a part has no beginning or no end"),
        ({"monday": [["09:00", "25:00"]]}, "Monday: “25:00” is no time"),
        ({"monday": [[9, 17]]}, "Monday: “9” is no time"),
        ({"monday": [["٠٩:00", "17:00"]]}, "is no time"),
        ({"tuesday": [["17:00", "09:00"]]}, "Tuesday: 17:00 to 09:00 ends before it begins"),
        ({"tuesday": [["09:00", "09:00"]]}, "Tuesday: 09:00 to 09:00 ends before it begins"),
        ({"tuesday": [["24:00", "24:00"]]}, "Tuesday: 24:00 to 24:00 ends before it begins"),
        ({"friday": [["09:00", "13:00"], ["12:00", "17:00"]]}, "Friday: the part from 12:00 begins before"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_the_weekday(written: object, said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        spans_of(written)

    assert said in refusal.value.messages[0]


def test_every_wrong_weekday_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as refusal:
        spans_of({"monday": [["9", "17:00"]], "friday": [["17:00", "09:00"]]})

    assert [message.split(":")[0] for message in refusal.value.messages] == ["Monday", "Friday"]


@pytest.mark.parametrize("written", [["24.12.2026"], ["2026-02-30"], ["20261224"], [20261224], [[]], [None]])
def test_a_day_off_that_is_no_day_is_refused(written: list[object]) -> None:
    with pytest.raises(ValidationError, match=r"is no day\. Write it like 2026-12-24"):
        days_of(written)


def test_days_off_that_are_no_list_are_refused() -> None:
    with pytest.raises(ValidationError, match="Write a list of days"):
        days_of("2026-12-24")
