"""What was typed into one widget, understood as a JSON value, or refused with a sentence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from connectors.forms.fields import STRUCTURES, Field
from connectors.forms.filling import is_template

MAX_CHARACTERS = 100_000
MAX_LINES = 10_000
WHOLE_REFERENCE = re.compile(r"\s*\{\{-?\s*[A-Za-z_][\w.\-\[\]]*\s*-?\}\}\s*")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?")


class NotUnderstood(ValueError):
    """What was typed is not what the field asks for; the text is the sentence at the field."""


def understood(asked: Field, typed: Any) -> Any:
    """The JSON value of what was typed, None when nothing was. Raises NotUnderstood."""
    if isinstance(typed, UploadedFile):
        return _uploaded(typed)
    text = clean_text(typed)
    if not text.strip():
        return None
    if asked.takes_data and _is_data_alone(asked, text):
        return text.strip()
    reader = READERS.get(asked.widget, _text)
    return reader(asked, text)


def _is_data_alone(asked: Field, text: str) -> bool:
    """Whether the data inserted here is the value itself: a list of an earlier step, or a number still to come."""
    if asked.widget in ("number", "date", "choice"):
        return is_template(text)
    return asked.widget not in ("text", "long_text") and bool(WHOLE_REFERENCE.fullmatch(text))


def clean_text(text: str) -> str:
    """Line ends as \\n. Raises NotUnderstood for what no database and no model can take."""
    if len(text) > MAX_CHARACTERS:
        raise NotUnderstood(
            _("This has %(count)s characters; at most %(most)s fit. Shorten it, or give it as a file.")
            % {"count": f"{len(text):,}", "most": f"{MAX_CHARACTERS:,}"}
        )
    if "\x00" in text:
        raise NotUnderstood(_("There is a NUL character in it, which cannot be stored. Paste it as plain text."))
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NotUnderstood(_("There is half a character in it (a lone surrogate). Paste it again as plain text."))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def meant(text: str) -> Any:
    """A cell whose type nobody declared: a number, true, false or JSON where it is written so, else the text."""
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if text in ("true", "false"):
        return text == "true"
    if text[:1] in "[{" and not text.startswith(("{{", "{%")):
        try:
            return json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return text
    return text


def _uploaded(upload: UploadedFile) -> UploadedFile:
    if not upload.size:
        raise NotUnderstood(_("This file is empty. Choose another one."))
    if upload.size > settings.UPLOAD_MAX_BYTES:
        sizes = {"size": filesizeformat(upload.size), "most": filesizeformat(settings.UPLOAD_MAX_BYTES)}
        raise NotUnderstood(_("This file has %(size)s; at most %(most)s are taken. Choose a smaller one.") % sizes)
    return upload


def _text(asked: Field, text: str) -> str:
    return text.strip("\n") if asked.widget == "long_text" else text.strip()


def _number(asked: Field, text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise NotUnderstood(_("Write a number, for example 12 or 3.5."))
    if math.isinf(number):
        raise NotUnderstood(_("This number is too large to work with."))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _date(asked: Field, text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise NotUnderstood(_("Write a date as year-month-day, for example 2026-03-31.")) from None


def _choice(asked: Field, text: str) -> str:
    if text not in {choice.value for choice in asked.choices}:
        raise NotUnderstood(_("Choose one of the offered values."))
    return text


def _list(asked: Field, text: str) -> list[Any] | None:
    lines: list[Any] = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_LINES:
        raise NotUnderstood(_("At most %(most)s lines fit.") % {"most": f"{MAX_LINES:,}"})
    return [meant(line) for line in lines] if asked.items == "number" else lines


def _structure(asked: Field, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as wrong:
        place = {"line": wrong.lineno, "column": wrong.colno}
        raise NotUnderstood(_("This is not JSON: look at line %(line)s, column %(column)s.") % place) from None
    except RecursionError:
        raise NotUnderstood(_("This is nested too deeply.")) from None


def _no_number(name: str) -> Any:
    raise NotUnderstood(_("%(name)s is not a number.") % {"name": name})


READERS: Mapping[str, Callable[[Field, str], Any]] = {
    "number": _number,
    "date": _date,
    "choice": _choice,
    "list": _list,
    **dict.fromkeys(STRUCTURES, _structure),
}
