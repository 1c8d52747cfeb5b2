"""Public holidays, through the library `holidays`: of 250 countries and their parts.

A place is written "DE", or "DE-BE" for a part of a country; the empty place has no holidays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

PLACE = re.compile(r"([A-Z]{2})(?:-(\w+))?", re.ASCII)
A_YEAR = 366


def public_holidays(place: str) -> Mapping[date, str]:
    """Day → name, for any year that is asked for. Raises ValidationError for a place whose holidays nobody knows."""
    if not place:
        return {}
    import holidays  # a third of a second that most processes never need

    try:
        if written := PLACE.fullmatch(place):
            return holidays.country_holidays(written[1], subdiv=written[2], language="en_US")
    except NotImplementedError:
        pass
    said = _("The holidays of “%(code)s” are not known. Write a country like DE, or a part of one like DE-BE.")
    raise ValidationError(said % {"code": place})


def holidays_after(place: str, day: date, count: int) -> list[tuple[date, str]]:
    """The next ones within a year, from `day` on. Raises ValidationError like public_holidays."""
    public = public_holidays(place)
    days = (day + timedelta(days=number) for number in range(A_YEAR))
    return [(found, public[found]) for found in days if found in public][:count]


@cache
def countries() -> tuple[str, ...]:
    """The codes of all countries that are known."""
    from holidays.registry import COUNTRIES

    return tuple(sorted(codes[1] for codes in COUNTRIES.values()))


@cache
def parts_of(country: str) -> Mapping[str, str]:
    """Code → name of the country's parts that have holidays of their own; nothing for an unknown country."""
    if country not in countries():
        return {}
    import holidays

    known = holidays.country_holidays(country)
    names = {code: name for name, code in reversed(known.subdivisions_aliases.items())}
    parts = {code: names.get(code, code) for code in known.subdivisions if PLACE.fullmatch(f"{country}-{code}")}
    return dict(sorted(parts.items(), key=lambda part: part[1]))
