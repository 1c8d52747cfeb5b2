"""What a model finds wrong, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import ValidationError

Context = Mapping[str, Any]


class Wrong(NamedTuple):
    """One thing that is wrong. `place` is dotted: `labels.0.name`. `is_missing`: nothing has been said there yet."""

    place: str
    sentence: str
    is_missing: bool


def problems_of(refused: ValidationError) -> list[Wrong]:
    """Everything the model found, one sentence per place."""
    found: dict[str, Wrong] = {}
    for error in refused.errors(include_url=False, include_input=True):
        place = ".".join(str(part) for part in error["loc"])
        is_empty = error.get("input") in ("", None, [], {})
        is_missing = error["type"] == "missing" or (is_empty and error["type"] in TOO_SHORT)
        sentence = (
            _("This is needed.") if is_missing else sentence_of(error["type"], error["msg"], error.get("ctx", {}))
        )
        found.setdefault(place, Wrong(place, sentence, is_missing))
    return list(found.values())


TOO_SHORT = frozenset({"string_too_short", "too_short"})


def sentence_of(kind: str, message: str, context: Context) -> str:
    """A rule that was broken, as a sentence; pydantic's own words where we have no better ones."""
    if kind in SENTENCES:
        return SENTENCES[kind](context)
    text = message.removeprefix("Value error, ").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _too_long(context: Context) -> str:
    most = context["max_length"]
    return ngettext("At most %(most)s character fits.", "At most %(most)s characters fit.", most) % {
        "most": f"{most:,}"
    }


def _too_short(context: Context) -> str:
    least = context["min_length"]
    return ngettext("At least %(least)s character is needed.", "At least %(least)s characters are needed.", least) % {
        "least": f"{least:,}"
    }


def _too_many(context: Context) -> str:
    return _("At most %(most)s of them fit.") % {"most": f"{context['max_length']:,}"}


def _too_few(context: Context) -> str:
    return _("At least %(least)s of them are needed.") % {"least": f"{context['min_length']:,}"}


def _at_least(context: Context) -> str:
    return _("It must be at least %(least)s.") % {"least": f"{context['ge']:,}"}


def _at_most(context: Context) -> str:
    return _("It must be at most %(most)s.") % {"most": f"{context['le']:,}"}


def _more_than(context: Context) -> str:
    return _("It must be more than %(least)s.") % {"least": f"{context['gt']:,}"}


def _less_than(context: Context) -> str:
    return _("It must be less than %(most)s.") % {"most": f"{context['lt']:,}"}


def _not_offered(context: Context) -> str:
    return _("Choose one of the offered values.")


def _no_number(context: Context) -> str:
    return _("Write a number, for example 12 or 3.5.")


def _no_whole_number(context: Context) -> str:
    return _("Write a whole number, for example 12.")


def _no_list(context: Context) -> str:
    return _("A list is needed: insert one from an earlier step, or write one item per line.")


def _no_text(context: Context) -> str:
    return _("A text is needed here.")


def _no_moment(context: Context) -> str:
    return _("Write a date and a time, for example 2027-01-31T09:00.")


def _bad_name(context: Context) -> str:
    return _("Use small letters, digits and _; begin with a letter.")


SENTENCES: Mapping[str, Callable[[Context], str]] = {
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "too_long": _too_many,
    "too_short": _too_few,
    "greater_than_equal": _at_least,
    "less_than_equal": _at_most,
    "greater_than": _more_than,
    "less_than": _less_than,
    "literal_error": _not_offered,
    "float_parsing": _no_number,
    "float_type": _no_number,
    "int_parsing": _no_whole_number,
    "int_type": _no_whole_number,
    "int_from_float": _no_whole_number,
    "list_type": _no_list,
    "string_type": _no_text,
    "datetime_parsing": _no_moment,
    "datetime_from_date_parsing": _no_moment,
    "string_pattern_mismatch": _bad_name,
}
