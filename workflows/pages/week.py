"""A department's hours as a form: seven rows with the parts of a day, the place whose holidays hold, and days off.

What is stored and what was typed have one shape, the arguments of departments.services.change_hours, so that a refused
form comes back as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.dates import WEEKDAYS as TITLES
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from departments.hours import WEEKDAYS, NoWorkingHours, calendar_of
from departments.models import Department
from departments.public_holidays import countries, holidays_after, parts_of
from departments.services import HOURS

Hours = dict[str, Any]

MOST_PARTS = 6
MOST_DAYS = 200
EMPTY_DAYS = 2
TRIED_H = 8
SHOWN_HOLIDAYS = 3


@dataclass(frozen=True, slots=True)
class Weekday:
    """One row. `parts` are begin and end, as a time field writes them, with room for one more."""

    name: str
    title: str
    parts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Place:
    code: str
    title: str


def stored(department: Department) -> Hours:
    return {name: getattr(department, name) for name in HOURS}


def typed(given: QueryDict) -> Hours:
    """What stands in the fields; what was left empty is no part and no day. `copy` gives Tuesday to Friday Monday's."""
    from_monday = WEEKDAYS[1:5] if "copy" in given else ()
    week = {name: _parts_typed(given, "monday" if name in from_monday else name) for name in WEEKDAYS}
    country, part = given.get("country", ""), given.get("part", "")
    kept = part if part in parts_of(country) else ""
    return {
        "working_hours": {name: parts for name, parts in week.items() if parts},
        "holidays_of": f"{country}-{kept}" if kept else country,
        "days_off": sorted({day for day in given.getlist("day_off")[:MOST_DAYS] if day}),
    }


def form_of(department: Department, hours: Hours) -> dict[str, Any]:
    """Everything that the templates of the hours say."""
    country, _dash, part = hours["holidays_of"].partition("-")
    return {
        "department": department,
        "weekdays": [_weekday(number, hours["working_hours"]) for number in range(7)],
        "countries": _countries(),
        "country": country,
        "parts": parts_of(country),
        "part": part,
        "days_off": [*hours["days_off"], *[""] * EMPTY_DAYS],
        "due": due(department, hours),
        "holidays": _next_holidays(department, hours["holidays_of"]),
    }


def due(department: Department, hours: Hours) -> str:
    """What the hours would mean for a question asked now, as a sentence; nothing while they cannot be."""
    tried = Department(time_zone=department.time_zone, **hours)
    try:
        moment = calendar_of(tried).after(timezone.now(), TRIED_H)
    except ValidationError:
        return ""
    except NoWorkingHours:
        return _("With these hours nobody works within two years.")
    said = _("A question asked now with %(hours)d hours to decide is due %(moment)s.")
    local = moment.astimezone(ZoneInfo(department.time_zone))
    return said % {"hours": TRIED_H, "moment": date_format(local, "l j F, H:i")}


def _parts_typed(given: QueryDict, weekday: str) -> list[list[str]]:
    parts = [[given.get(f"{weekday}-{number}-{end}", "") for end in ("from", "to")] for number in range(MOST_PARTS)]
    return [part for part in parts if any(part)]


def _weekday(number: int, week: dict[str, list[list[str]]]) -> Weekday:
    """A time field knows no 24:00: midnight at the end is written 00:00."""
    parts = [(opens, "00:00" if closes == "24:00" else closes) for opens, closes in week.get(WEEKDAYS[number], [])]
    room = max(2, min(len(parts) + 1, MOST_PARTS)) - len(parts)
    return Weekday(WEEKDAYS[number], str(TITLES[number]), [*parts, *[("", "")] * room])


def _countries() -> list[Place]:
    """By name, in the reader's language."""
    try:
        names = Locale.parse(get_language() or "en", sep="-").territories
    except (ValueError, UnknownLocaleError):
        names = Locale("en").territories
    return sorted((Place(code, names.get(code, code)) for code in countries()), key=lambda place: place.title)


def today_in(department: Department) -> date:
    return timezone.now().astimezone(ZoneInfo(department.time_zone)).date()


def _next_holidays(department: Department, place: str) -> list[str]:
    try:
        found = holidays_after(place, today_in(department), SHOWN_HOLIDAYS)
    except ValidationError:
        return []
    return [_("%(name)s, %(day)s") % {"name": name, "day": _day(day)} for day, name in found]


def _day(day: date) -> str:
    return date_format(day, "j F Y")
